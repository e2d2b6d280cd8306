"""Which hotkeys are registered on subnet 8, read from the chain: `python3 signal_processors/bittensor_chain.py`.

Optional, and a process of its own: the bittensor SDK (extra `bittensor`) never shares one with exchange keys. It writes
`raw_signals/bittensor/registered_hotkeys.json`, which the SN8 poller uses when `use_chain` is on.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Protocol

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
import typer

from config.dialog import CONFIGURATION, DONE, FAILED, standard_console
from config.files import write_atomically
from config.home import find_home
from core.model.failures import EngineError
from core.ports.clock import Clock
from operations.wall_clock import WallClock
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_standings import CHAIN_VERSION, RegisteredHotkeys

NETUID = 8
INTERVAL_SECONDS = 300.0
READ_TIMEOUT_SECONDS = 60.0
SDK_REMEDY = 'The bittensor SDK is not installed; install it with: pip install -e ".[bittensor]"'

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class ChainUnreadable(EngineError):
    """The chain could not be read."""


class Registrations(Protocol):
    """Who is registered on a subnet."""

    async def read_hotkeys(self, netuid: int) -> frozenset[str]:
        """Every registered hotkey.

        Raises:
            ChainUnreadable: With the reason.
        """
        ...


class SdkRegistrations:
    """Registrations through the bittensor 11 SDK.

    Args:
        network: finney, test, local or a websocket address.
        substrate: Takes the place of the network in tests.
    """

    def __init__(self, network: str = "finney", substrate: Any = None) -> None:  # noqa: ANN401 - the SDK's own protocol
        self._network = network
        self._substrate = substrate

    async def read_hotkeys(self, netuid: int) -> frozenset[str]:
        """As Registrations: the storage map SubtensorModule.Keys, (netuid, uid) to hotkey."""
        try:
            import bittensor  # noqa: PLC0415 - heavy and optional
        except ImportError as error:
            raise ChainUnreadable(SDK_REMEDY) from error
        try:
            async with (
                asyncio.timeout(READ_TIMEOUT_SECONDS),
                bittensor.Subtensor(self._network, substrate=self._substrate) as client,
            ):
                rows: Iterable[tuple[Any, Any]] = await client.query_map(("SubtensorModule", "Keys"), [netuid])
                return frozenset(str(hotkey) for _, hotkey in rows)
        except (bittensor.BittensorError, OSError, TimeoutError) as error:
            raise ChainUnreadable(f"{type(error).__name__}: {error}") from error


async def refresh(registrations: Registrations, path: Path, clock: Clock) -> int:
    """Read the chain once and replace the file.

    Args:
        registrations: Where they are read.
        path: The file.
        clock: UTC time.

    Returns:
        How many hotkeys are registered.

    Raises:
        ChainUnreadable: If they cannot be read, or there are none; the file is then left as it is.
        StorageFailure: If the file cannot be written.
    """
    hotkeys = await registrations.read_hotkeys(NETUID)
    if not hotkeys:
        raise ChainUnreadable(f"the chain shows no hotkey on subnet {NETUID}")
    content = RegisteredHotkeys(CHAIN_VERSION, NETUID, clock.now(), sorted(hotkeys))
    write_atomically(path, msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    return len(hotkeys)


@app.command()
def main(
    *,
    once: Annotated[bool, typer.Option("--once", help="Read once and end: 0 read, 1 not, 78 no SDK.")] = False,
    network: Annotated[str, typer.Option(help="finney, test, local or a websocket address.")] = "finney",
) -> None:
    """Keep the list of hotkeys that are registered on subnet 8.

    Examples:
      python3 signal_processors/bittensor_chain.py

      python3 signal_processors/bittensor_chain.py --once
    """
    with contextlib.suppress(KeyboardInterrupt):
        raise typer.Exit(asyncio.run(_serve(SdkRegistrations(network), is_once=once)))


async def _serve(registrations: Registrations, *, is_once: bool) -> int:
    console, path, clock = standard_console(), find_home().registered_hotkeys(SOURCE), WallClock()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    while not stopped.is_set():
        try:
            count = await refresh(registrations, path, clock)
            console.say(f"{count} hotkeys are registered on subnet {NETUID}")
            code = DONE
        except EngineError as error:
            console.complain(str(error))
            code = CONFIGURATION if str(error) == SDK_REMEDY else FAILED
        if is_once or code == CONFIGURATION:
            return code
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), INTERVAL_SECONDS)
    return DONE


if __name__ == "__main__":
    app()
