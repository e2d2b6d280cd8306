"""What happens in the demo: services start, alerts arrive over HTTP, an answer is lost, all accounts end on target."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live

from commands.demo_defaults import ALERTS, EXCHANGES, SN8_KEY, SOURCE, Alert, write_defaults
from commands.demo_services import Service, Services, free_port
from commands.demo_view import Picture, line_of, look, screen, time_of
from config.home import Home
from config.trading_files import TradingFiles
from core.model.events import Event, OrderIntended, OrderOutcomeUnknown
from core.model.failures import EngineError
from core.model.identity import AccountId
from operations.wall_clock import WallClock
from paper.house import PaperHouse, requests_folder
from paper.operator_requests import AddFault, write_request
from signal_processors.depth_files import DepthFiles

REFRESH_SECONDS = 0.25
START_SECONDS = 45.0
CONVERGE_SECONDS = 30.0
BETWEEN_ALERTS_SECONDS = 1.0
FAULT_SECONDS = 1.1
"""The paper exchanges look for requests once a second."""

PRICE = "65000"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo's services listen."""

    webhook: int
    sn8: int

    @property
    def webhook_url(self) -> str:
        """Where alerts go."""
        return f"http://127.0.0.1:{self.webhook}/"


async def tell_story(folder: Path, console: Console, seed: int, *, is_screen: bool, is_once: bool) -> int:
    """Run the demo.

    Args:
        folder: The demo's own home; it does not exist yet.
        console: Where it is shown.
        seed: Of prices and miners.
        is_screen: A live screen, else lines.
        is_once: End after the story, else stay up until interrupted.

    Returns:
        0 if every account reached its target.
    """
    place = Place(free_port(), free_port())
    home = write_defaults(folder, place.sn8)
    await PaperHouse(WallClock(), seed=seed, folder=home.paper).close()
    services = Services(_services(place, seed), folder)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await services.start()
        with _shown(home, console, is_screen=is_screen) as stage:
            is_well = await Story(home, place, services, stage, stop).run()
            stage.summarize(place, is_well=is_well, is_once=is_once)
            if not is_once:
                await stage.stay(services, stop)
    except EngineError as error:
        console.print(f"[red]{error}[/]")
        return 1
    finally:
        await services.stop()
    if is_screen:
        console.print(stage.said)
    return 0 if is_well else 1


@contextmanager
def _shown(home: Home, console: Console, *, is_screen: bool) -> Iterator["Stage"]:
    if not is_screen:
        yield Stage(home, console, None)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield Stage(home, console, live)


def _services(place: Place, seed: int) -> list[Service]:
    made = ("-m", "commands", "paper", "sn8", "--port", str(place.sn8), "--seed", str(seed), "--key", SN8_KEY)
    return [
        Service("made-sn8", made),
        Service("tradingview-endpoint", ("signal_endpoints/tradingview_endpoint.py", "--port", str(place.webhook))),
        Service("bittensor-signals", ("signal_processors/bittensor_processor.py", "--metrics-port", "0")),
        Service("trade-engine", ("execute_trades.py",)),
    ]


class Stage:
    """What a person sees: a live screen, or lines where there is no terminal."""

    def __init__(self, home: Home, console: Console, live: Live | None) -> None:
        self._clock = WallClock()
        self._config = TradingFiles(home)
        self._accounts = [AccountId(exchange) for exchange in EXCHANGES]
        self._sources = DepthFiles(home, self._clock)
        self._home = home
        self._console = console
        self._live = live
        self.said = "starting the services"
        self._shown: set[tuple[object, ...]] = set()
        self.picture = Picture({}, {}, {})

    def note(self, text: str) -> None:
        """Say what the demo does now."""
        self.said = text
        if self._live is None:
            self._print(text, "bold")

    def refresh(self) -> Picture:
        """Look at the files again and show what is new."""
        self.picture = look(self._home, self._config.load(), self._accounts, self._sources, self._clock)
        if self._live:
            self._live.update(screen(self.picture, self.said), refresh=True)
        else:
            self._print_new(self.picture.events)
        return self.picture

    async def stay(self, services: Services, stop: asyncio.Event) -> None:
        """Keep showing until interrupted."""
        while not stop.is_set():
            services.check()
            self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    def summarize(self, place: Place, *, is_well: bool, is_once: bool) -> None:
        """The plain words at the end, and how to go on."""
        orders = [event for event in self.picture.events if isinstance(event, OrderIntended)]
        lost = sum(isinstance(event, OrderOutcomeUnknown) for event in self.picture.events)
        doubled = sum(holding.exceeds_target for holding in self.picture.holdings.values())
        on_target = sum(self.picture.is_on_target(account) for account in self._accounts)
        curl = json.dumps(ALERTS[0].body(PRICE))
        invitation = "without --once it stays up, for alerts of your own:" if is_once else "send an alert of your own:"
        self.note(
            f"{'done' if is_well else 'NOT done'}: positions equal targets on {on_target} of {len(EXCHANGES)} "
            f"accounts, {len(orders)} orders, {doubled} doubled, {lost} lost answer{'s' * (lost != 1)} recovered\n"
            f"{invitation}\n"
            f"  curl -X POST {place.webhook_url} -H 'Content-Type: application/json' -d '{curl}'"
        )
        self.refresh()

    def _print_new(self, events: Sequence[Event]) -> None:
        for event in events:
            key = (type(event), event.account, event.symbol, event.at, _id_of(event))
            if key not in self._shown:
                self._shown.add(key)
                self._print(f"  {time_of(event.at)} {line_of(event)}")

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


class Story:
    """The alerts in order, each waited for until every account stands where it should."""

    def __init__(self, home: Home, place: Place, services: Services, stage: Stage, stop: asyncio.Event) -> None:
        self._home = home
        self._place = place
        self._services = services
        self._stage = stage
        self._stop = stop

    async def run(self) -> bool:
        """Tell it; whether every account reached every target."""
        async with aiohttp.ClientSession() as session:
            if not await self._until(lambda: self._is_up(session), START_SECONDS):
                raise EngineError("the services did not come up in time; their logs are in .demo/home/logs")
            outcomes = []
            for number, alert in enumerate(ALERTS, 1):
                self._stage.note(f"alert {number} of {len(ALERTS)}: {alert.symbol} {alert.size} ({alert.note})")
                if alert.fault:
                    write_request(requests_folder(self._home.paper), AddFault(alert.fault))
                    await self._pause(FAULT_SECONDS)
                await self._post(session, alert)
                outcomes.append(await self._until(partial(self._is_followed, alert), CONVERGE_SECONDS))
                await self._pause(BETWEEN_ALERTS_SECONDS)
        return all(outcomes) and not self._stop.is_set()

    async def _post(self, session: aiohttp.ClientSession, alert: Alert) -> None:
        async with session.post(self._place.webhook_url, json=alert.body(PRICE)) as answer:
            if answer.status != 200:
                raise EngineError(f"the webhook answered {answer.status}: {await answer.text()}")

    async def _is_up(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self._place.webhook_url}health") as answer:
                return answer.status == 200 and bool(self._stage.picture.holdings)
        except aiohttp.ClientError:
            return False

    async def _is_followed(self, alert: Alert) -> bool:
        """Whether the alert's depth is in force and every account stands on target."""
        return self._stage.picture.follows(SOURCE, alert.symbol, alert.depth)

    async def _pause(self, seconds: float) -> None:
        """Let time pass; at once when the demo was interrupted."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        self._stage.refresh()

    async def _until(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Keep showing until the condition holds; False when the time is up or the demo was interrupted."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline and not self._stop.is_set():
            self._services.check()
            self._stage.refresh()
            if await condition():
                return True
            await asyncio.sleep(REFRESH_SECONDS)
        return False


def _id_of(event: Event) -> str:
    intent = getattr(event, "intent", None)
    return str(intent.client_order_id if intent else getattr(event, "client_order_id", ""))
