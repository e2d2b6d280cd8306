"""The demo's processes: the three services' own entry scripts and a made SN8 network, on free ports."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.model.failures import EngineError
from simulation.loopback import ROOT, free_port

__all__ = ["ROOT", "Service", "ServiceFailed", "Services", "free_port"]

START_SECONDS = 30.0
STOP_SECONDS = 5.0


class ServiceFailed(EngineError):
    """A service of the demo did not start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run.

    Attributes:
        name: As pm2 names it.
        arguments: After the interpreter.
    """

    name: str
    arguments: tuple[str, ...]


class Services:
    """Started together, stopped together; what they print goes to `logs/<name>.out` of the demo's home.

    Nothing that the operator's environment says about another installation reaches them.
    """

    def __init__(self, services: Sequence[Service], home: Path) -> None:
        self._services = services
        self._logs = home / "logs"
        others = {name: value for name, value in os.environ.items() if not name.startswith("TRADE_ENGINE_")}
        self._environment = {**others, "TRADE_ENGINE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self) -> None:
        """Start all of them."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for service in self._services:
            with (self._logs / f"{service.name}.out").open("wb") as output:
                self._running[service.name] = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *service.arguments,
                    cwd=ROOT,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    def check(self) -> None:
        """Complain of a service that ended.

        Raises:
            ServiceFailed: Naming the service, its exit code and the last lines it printed.
        """
        for name, process in self._running.items():
            if process.returncode is not None:
                said = (self._logs / f"{name}.out").read_text(errors="replace").strip().splitlines()[-5:]
                raise ServiceFailed("\n".join((f"{name} ended with exit code {process.returncode}:", *said)))

    async def stop(self) -> None:
        """Ask every service to end; what does not end in time is killed."""
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
        for process in self._running.values():
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
