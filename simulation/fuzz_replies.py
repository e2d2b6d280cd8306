"""The answers of an exchange, spoiled byte by byte, read by its adapter through unmodified ccxt."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from account_processors.ccxt_base import CcxtExchange
from account_processors.passport import Passport
from account_processors.registry import connect
from core.model.identity import ClientOrderId
from core.model.order import Accepted, NotFound, OrderIntent, OrderReport, RefusedOutcome, Side, UnknownOutcome
from core.model.position import AccountSnapshot, MarginMode
from core.model.reading import Absent, Known, Unknown
from paper.in_process import InProcessResponse
from paper.wire import Response
from simulation.cpu_limit import cpu_limit
from simulation.exchange_bench import BTC, CALLS, EXCHANGES, Bench, play
from simulation.fuzz_targets import Failure

AN_HOUR = timedelta(hours=1)
MOST_ANSWERS = 4
"""Requests of one call whose answers are told apart."""

READING = (Known, Unknown, Absent)
OUTCOME = (Accepted, RefusedOutcome, UnknownOutcome)


class UndeclaredResult(Exception):
    """A call returned something that it does not declare."""


@dataclass
class SpoilingSession:
    """The paper house's session, of which one answer of the next call is replaced.

    Attributes:
        inner: Sends.
        spoiled: The place of the answer among the call's, and its body; none when answers pass as they are.
        heard: Bodies of this call so far.
    """

    inner: Any
    spoiled: tuple[int, str] | None = None
    heard: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        """As aiohttp has them."""
        headers: dict[str, str] = self.inner.headers
        return headers

    def get(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A GET."""
        return _Answer(self, "get", url, options)

    def post(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A POST."""
        return _Answer(self, "post", url, options)

    def begin(self, spoiled: tuple[int, str] | None) -> None:
        """A new call begins."""
        self.spoiled, self.heard = spoiled, []

    async def answer(self, method: str, url: object, options: Mapping[str, Any]) -> InProcessResponse:
        """The answer, as it came or replaced."""
        async with getattr(self.inner, method)(url, **options) as response:
            body, status = await response.text(), response.status
        if self.spoiled and self.spoiled[0] == len(self.heard):
            body = self.spoiled[1]
        self.heard.append(body)
        return InProcessResponse(Response(status, body), str(url))


@dataclass(frozen=True, slots=True)
class _Answer:
    session: SpoilingSession
    method: str
    url: object
    options: Mapping[str, Any]

    async def __aenter__(self) -> InProcessResponse:
        return await self.session.answer(self.method, self.url, self.options)

    async def __aexit__(self, *_: object) -> None:
        return None


Call = Callable[[CcxtExchange, Bench, ClientOrderId], Awaitable[object]]

CALLS_MADE: Mapping[str, tuple[Call, tuple[type, ...]]] = {
    "snapshot": (lambda exchange, _bench, _id: exchange.read_snapshot(), (AccountSnapshot,)),
    "quotes": (lambda exchange, _bench, _id: exchange.read_quotes([BTC]), (Mapping,)),
    "settings": (lambda exchange, _bench, _id: exchange.read_settings(BTC), READING),
    "client_ids": (lambda exchange, _bench, _id: exchange.read_recent_client_ids(BTC), READING),
    "cause": (lambda exchange, bench, _id: exchange.read_closing_cause(BTC, bench.clock.now() - AN_HOUR), READING),
    "find": (lambda exchange, _bench, held: exchange.find_order(BTC, held), (OrderReport, NotFound, UnknownOutcome)),
    "submit": (lambda exchange, bench, _id: exchange.submit_order(_small(bench)), OUTCOME),
    "leverage": (lambda exchange, bench, _id: _set_leverage(exchange, bench), OUTCOME),
    "inspect": (lambda exchange, _bench, _id: exchange.inspect([BTC]), (Passport,)),
}  # fmt: skip


def _small(bench: Bench) -> OrderIntent:
    return bench.intent(Side.BUY if bench.orders % 2 else Side.SELL, "0.001")


def _set_leverage(exchange: CcxtExchange, bench: Bench) -> Awaitable[object]:
    """Always to another value than the one before."""
    bench.orders += 1
    return exchange.set_leverage(BTC, Decimal(2 + bench.orders % 3), MarginMode.ISOLATED)


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """One exchange's adapter. An input is a line that names the call and the answer's place, and the answer.

    Attributes:
        name: What the command calls it.
    """

    name: str

    def seeds(self) -> Sequence[bytes]:
        """What the paper exchange answers."""
        found: list[bytes] = []

        async def scene(bench: Bench) -> None:
            held = await _ready(bench)
            for call in CALLS_MADE:
                session = await _converse(bench, held, call, None)
                found.extend(
                    f"{call} {place}\n{body}".encode() for place, body in enumerate(session.heard[:MOST_ANSWERS])
                )

        play(self.name, scene)
        return found

    def first_failure(self, inputs: Iterable[bytes]) -> Failure | None:
        """The first answer after which a call ends otherwise than declared, None when there is none."""
        failures: list[Failure] = []
        unseen: list[str] = []

        def forgotten(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            unseen.append(str(context.get("exception") or context["message"]))

        async def scene(bench: Bench) -> None:
            held = await _ready(bench)
            asyncio.get_running_loop().set_exception_handler(forgotten)
            for content in inputs:
                head, _, body = content.partition(b"\n")
                call, _, place = head.decode(errors="replace").partition(" ")
                if call not in CALLS_MADE or place not in {str(number) for number in range(MOST_ANSWERS)}:
                    continue
                try:
                    with cpu_limit():
                        await _converse(bench, held, call, (int(place), body.decode(errors="replace")))
                except Exception as error:  # noqa: BLE001 - adapters declare results and raise nothing
                    failures.append(Failure(content, f"{type(error).__name__}: {str(error)[:200]}"))
                    return
                await asyncio.sleep(0)
                if unseen:
                    failures.append(Failure(content, f"in a task that nobody awaits: {unseen[0][:200]}"))
                    return

        play(self.name, scene)
        return failures[0] if failures else None


async def _ready(bench: Bench) -> ClientOrderId:
    await bench.ready()
    return (await bench.trade(Side.BUY, "0.02")).client_order_id


async def _converse(bench: Bench, held: ClientOrderId, call: str, spoiled: tuple[int, str] | None) -> SpoilingSession:
    """One call on a fresh connection, so that an input's outcome does not hang on those before it."""
    session = SpoilingSession(bench.house.session())
    settings = replace(bench.settings)
    urls = bench.house.urls(bench.name)
    exchange = connect(settings, bench.clock, bench.told, session=session, urls=urls, calls=CALLS)
    make, declared = CALLS_MADE[call]
    try:
        await exchange.read_instruments()
        session.begin(spoiled)
        result = await make(exchange, bench, held)
    finally:
        await exchange.close()
    values = result.values() if isinstance(result, Mapping) else [result]
    wanted = READING if isinstance(result, Mapping) else declared
    wrong = [type(value).__name__ for value in values if not isinstance(value, wanted)]
    if wrong:
        raise UndeclaredResult(f"{call} returned {', '.join(wrong)}")
    return session


def reply_targets() -> tuple[ReplyTarget, ...]:
    """The adapters that have paper exchanges."""
    return tuple(ReplyTarget(name) for name in EXCHANGES)
