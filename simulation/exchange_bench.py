"""One exchange, one account and one adapter, in process in virtual time or over loopback HTTP in real time."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from account_processors.ccxt_base import CcxtExchange
from account_processors.ccxt_client import CallSettings
from account_processors.registry import connect, forget_shared
from account_processors.spent_calls import SpentCalls
from config.accounts import AccountMode, AccountSettings, AccountValue
from core.model.failures import InvalidInput, OutcomeUnknown, Refused
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusedOutcome, Side
from core.model.position import MarginMode, Position
from core.model.reading import Reading, Unknown
from paper.account import Account, PaperKeys, PositionKey
from paper.execution import force_fill
from paper.faults import Fault, FaultKind
from paper.house import PROTOCOLS, PaperHouse
from simulation.bare_world import ToldFacts
from simulation.virtual_time import VirtualClock, run_virtually

T = TypeVar("T")

EXCHANGES = tuple(PROTOCOLS)
BTC, ETH, UNLISTED = Symbol("BTCUSDT"), Symbol("ETHUSDT"), Symbol("NOSUCHUSDT")
CALLS = CallSettings(read_timeout_seconds=2.0, write_timeout_seconds=2.0, read_tries=1)
"""One try, so that one fault is met by one call."""


@dataclass
class Bench:
    """What a scene works with."""

    name: str
    house: PaperHouse
    settings: AccountSettings
    clock: VirtualClock
    told: ToldFacts
    calls: CallSettings
    base_url: str
    exchange: CcxtExchange = field(init=False)
    orders: int = 0
    pair: tuple[Symbol, Symbol] = (BTC, ETH)
    unlisted: Symbol = UNLISTED

    def __post_init__(self) -> None:
        self.exchange = self._connect(self.settings)

    async def ready(self) -> "Bench":
        """Read the rules, and bring the account into isolated one-way mode where that is not its default."""
        await self.exchange.read_instruments()
        for finding in (await self.exchange.inspect()).findings:
            if finding.remedy_id:
                await self.exchange.apply(finding)
        return self

    def intent(self, side: Side, quantity: str, *, symbol: Symbol = BTC, reduce_only: bool = False) -> OrderIntent:
        """The next order, under an id of its own."""
        self.orders += 1
        cid = ClientOrderId(f"bench0{self.orders:026d}")
        leverage = Decimal(3)
        return OrderIntent(
            cid, self.settings.account, symbol, side, Decimal(quantity), reduce_only, MarginMode.ISOLATED, leverage, 1
        )

    async def trade(self, side: Side, quantity: str, *, reduce_only: bool = False) -> OrderReport:
        """Send an order and wait for what came of it."""
        await self.settle_settings()
        intent = self.intent(side, quantity, reduce_only=reduce_only)
        outcome = await self.exchange.submit_order(intent)
        if isinstance(outcome, RefusedOutcome):
            raise Refused(outcome.detail)
        return await self.settled(intent)

    async def settle_settings(self, symbol: Symbol = BTC, leverage: str = "3") -> None:
        """Isolated margin and leverage where they are settings."""
        settings = await self.exchange.read_settings(symbol)
        held = must_know(settings)
        if held.margin_mode not in (None, MarginMode.ISOLATED):
            await self.exchange.set_margin_mode(symbol, MarginMode.ISOLATED)
        if held.leverage not in (None, Decimal(leverage)):
            await self.exchange.set_leverage(symbol, Decimal(leverage), MarginMode.ISOLATED)

    async def settled(self, intent: OrderIntent) -> OrderReport:
        """Ask until the order is final."""
        for _ in range(100):
            report = await self.exchange.find_order(intent.symbol, intent.client_order_id)
            if isinstance(report, OrderReport) and report.state is not ExchangeOrderState.OPEN:
                return report
            await asyncio.sleep(0.05)
        raise OutcomeUnknown(f"never final: {report}")

    async def position(self, symbol: Symbol = BTC) -> Position | None:
        """What is held, from a read that must succeed; read lag is waited for."""
        await asyncio.sleep(self.house.exchanges[self.name].effects.position_lag_ms / 1000)
        positions = await self.exchange.read_positions()
        return must_know(positions).get(symbol)

    @property
    def account(self) -> Account:
        """The account as the paper exchange has it."""
        return self.house.account(self.name, "main")

    def hold(self, key: PositionKey, quantity: Decimal) -> None:
        """Let a position appear that the adapter did not trade, in the exchange's unit."""
        venue = self.house.exchanges[self.name]
        force_fill(venue, self.account, key, quantity, venue.quote(key.symbol).last, "foreign")

    def another(self, label: str) -> CcxtExchange:
        """One more account of the same exchange; the caller closes it."""
        keys = self.house.open_account(self.name, label, Decimal(10_000))
        return self._connect(keyed(self.settings, AccountId(self.name, label), keys))

    def after_restart(self, spent: SpentCalls) -> CcxtExchange:
        """The account as an engine that starts anew connects it; the caller closes it."""
        forget_shared()
        return self._connect(self.settings, spent)

    def _connect(self, settings: AccountSettings, spent: SpentCalls | None = None) -> CcxtExchange:
        session = None if self.base_url else self.house.session()
        urls = self.house.urls(self.name, self.base_url)
        return connect(settings, self.clock, self.told, session=session, urls=urls, calls=self.calls, spent=spent)

    @property
    def look_up(self) -> str:
        """What the paper exchange calls the endpoint that is asked first for an order by its id."""
        return "open_orders" if self.name == "bybit" else "order"

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def break_next(self, fault: Fault) -> None:
        """Let the next fitting request of this exchange go wrong.

        Over HTTP a read whose connection is cut is repeated once by aiohttp itself, so that one cut is not enough.
        """
        is_repeated = self.base_url and fault.kind in CUTS and fault.endpoint != "create_order"
        count = None if is_repeated else fault.count
        self.house.faults.add(replace(fault, exchange=self.name, count=count))

    def calls_of(self, endpoint: str) -> int:
        """How many requests an endpoint has received."""
        return len(
            self.house.ledger.entries("request", self.name, where=lambda entry: entry.facts["endpoint"] == endpoint)
        )


def must_know(reading: Reading[T]) -> T:
    """The value of a read that must have succeeded.

    Raises:
        OutcomeUnknown: If it did not.
    """
    if isinstance(reading, Unknown):
        raise OutcomeUnknown(reading.reason)
    return reading.value


def keyed(settings: AccountSettings, account: AccountId, keys: PaperKeys) -> AccountSettings:
    """The settings of an account with the keys that its paper exchange gave it."""
    return replace(settings, account=account, api_key=keys.api_key, secret=keys.secret, passphrase=keys.passphrase)


Scene = Callable[[Bench], Awaitable[None]]


class Way(StrEnum):
    """How the adapter reaches the paper exchange."""

    IN_PROCESS = "in process"
    HTTP = "http"


CUTS = (FaultKind.CUT_BEFORE, FaultKind.ANSWER_LOST)
SOCKET_GRACE_SECONDS = 0.01


def play(
    name: str,
    scene: Scene,
    *,
    calls: CallSettings = CALLS,
    value: AccountValue = AccountValue.EQUITY,
    way: Way | None = None,
) -> None:
    """Play a scene in virtual time.

    Args:
        name: The exchange.
        scene: What happens.
        calls: The adapter's patience.
        value: What the account's value counts.
        way: How it is reached; None takes what TRADE_ENGINE_CONTRACT_WAY says, in process by default.
    """
    chosen = way or Way(os.environ.get("TRADE_ENGINE_CONTRACT_WAY", Way.IN_PROCESS))

    async def whole() -> None:
        async with open_bench(name, calls, value, chosen) as bench:
            await scene(bench)
            missed = [fault for fault in bench.house.faults.in_force().values() if fault.count]
            if missed:
                raise InvalidInput(f"no request met {missed}")

    run_virtually(whole(), SOCKET_GRACE_SECONDS if chosen is Way.HTTP else 0.0)


@asynccontextmanager
async def open_bench(
    name: str,
    calls: CallSettings = CALLS,
    value: AccountValue = AccountValue.EQUITY,
    way: Way = Way.IN_PROCESS,
) -> AsyncIterator[Bench]:
    """A house with one account and an adapter on it."""
    clock = VirtualClock(asyncio.get_running_loop())
    house = PaperHouse(VirtualClock(asyncio.get_running_loop()))
    told = ToldFacts()
    keys = house.open_account(name, "main", Decimal(10_000))
    settings = keyed(
        AccountSettings(AccountId(name), AccountMode.PAPER, account_value=value), AccountId(name, "main"), keys
    )
    served = await house.serve() if way is Way.HTTP else None
    bench = Bench(name, house, settings, clock, told, calls, served.base_url(name) if served else "")
    try:
        yield bench
    finally:
        await bench.exchange.close()
        if served:
            await served.stop()
        await house.close()
