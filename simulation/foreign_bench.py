"""One account on a small server of an exchange without an adapter of its own, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from account_processors.ccxt_base import CcxtExchange
from account_processors.ccxt_client import CallSettings
from account_processors.registry import connect, find_dialect
from config.accounts import AccountMode, AccountSettings
from core.model.failures import OutcomeUnknown
from core.model.identity import AccountId, ClientOrderId
from core.model.order import Accepted, OrderIntent, OrderReport, Side
from core.model.position import MarginMode
from simulation.bare_world import ToldFacts
from simulation.exchange_bench import BTC, must_know
from simulation.foreign_binance import binance
from simulation.foreign_hyperliquid import hyperliquid
from simulation.foreign_okx import okx
from simulation.foreign_servers import Handler, MiniExchange, MiniSession
from simulation.virtual_time import VirtualClock, run_virtually

KEY = "0x1111111111111111111111111111111111111111"
SECRET = "0x2222222222222222222222222222222222222222222222222222222222222222"  # noqa: S105 - nobody's key
PASSPHRASE = "word"  # noqa: S105 - as the key
SERVERS: dict[str, Handler] = {"binance": binance, "okx": okx, "hyperliquid": hyperliquid}
ONE_TRY = CallSettings(read_tries=1)


@dataclass
class Foreign:
    """What a scene works with.

    Attributes:
        server: The exchange as it is.
        session: What carries requests to it.
        exchange: The account as the engine sees it.
        told: What telemetry was told.
        clock: Our clock; the server has one of its own.
    """

    name: str
    server: MiniExchange
    session: MiniSession
    exchange: CcxtExchange
    told: ToldFacts
    clock: VirtualClock
    calls: CallSettings
    orders: int = 0

    def intent(self, side: Side, quantity: str, *, reduce_only: bool = False) -> OrderIntent:
        """The next order, under an id of its own."""
        self.orders += 1
        cid = ClientOrderId(f"bench0{self.orders:026d}")
        isolated = MarginMode.ISOLATED
        return OrderIntent(
            cid, self.exchange.account, BTC, side, Decimal(quantity), reduce_only, isolated, Decimal(3), 1
        )

    async def ready(self) -> "Foreign":
        """Read the rules and a price, and bring margin mode and leverage where increases want them."""
        await self.exchange.read_instruments()
        await self.exchange.read_quotes([BTC])
        for _ in range(2):
            settings = must_know(await self.exchange.read_settings(BTC))
            if settings.margin_mode not in (None, MarginMode.ISOLATED):
                _accepted(await self.exchange.set_margin_mode(BTC, MarginMode.ISOLATED))
            if settings.leverage != 3:
                _accepted(await self.exchange.set_leverage(BTC, Decimal(3), MarginMode.ISOLATED))
        return self

    async def trade(self, side: Side, quantity: str, *, reduce_only: bool = False) -> OrderReport:
        """Send an order and look up what came of it."""
        intent = self.intent(side, quantity, reduce_only=reduce_only)
        _accepted(await self.exchange.submit_order(intent))
        report = await self.exchange.find_order(BTC, intent.client_order_id)
        if not isinstance(report, OrderReport):
            raise OutcomeUnknown(str(report))
        return report

    def another(self, label: str) -> CcxtExchange:
        """One more account on the same server; the caller closes it."""
        return _connected(self.name, label, self.clock, self.told, self.session, self.calls)


def play_foreign(
    name: str, scene: Callable[[Foreign], Awaitable[None]], calls: CallSettings = ONE_TRY, label: str = ""
) -> None:
    """Play a scene in virtual time."""

    async def whole() -> None:
        clock, told = VirtualClock(asyncio.get_running_loop()), ToldFacts()
        server = MiniExchange(VirtualClock(asyncio.get_running_loop()))
        session = MiniSession(server, SERVERS[name])
        exchange = _connected(name, label, clock, told, session, calls)
        try:
            await scene(Foreign(name, server, session, exchange, told, clock, calls))
        finally:
            await exchange.close()

    run_virtually(whole())


def _connected(
    name: str, label: str, clock: VirtualClock, told: ToldFacts, session: MiniSession, calls: CallSettings
) -> CcxtExchange:
    account = AccountId(name, label)
    settings = AccountSettings(account, AccountMode.SANDBOX, api_key=KEY, secret=SECRET, passphrase=PASSPHRASE)
    urls = find_dialect(name).urls("http://server.invalid")
    return connect(settings, clock, told, session=session, urls=urls, calls=calls)


def _accepted(outcome: object) -> None:
    if not isinstance(outcome, Accepted):
        raise OutcomeUnknown(str(outcome))
