"""From an account's settings to a connection: four tuned exchanges, those of other packages, any that ccxt knows."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from account_processors.ccxt_base import CcxtExchange
from account_processors.ccxt_client import CallSettings, CcxtClient, Keys
from account_processors.clock_offset import ClockOffset
from account_processors.dialect import Dialect, Profile
from account_processors.hosts import check_hosts, nested
from account_processors.http_session import DirectSession
from account_processors.instruments import InstrumentCache
from account_processors.limiter import Budget, Limiter, Window
from account_processors.spent_calls import SpentCalls
from account_processors.witness import WitnessedSession
from config.accounts import AccountMode, AccountSettings, AccountValue
from core.model.failures import InvalidInput
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry

ENTRY_POINT_GROUP = "trade_engine.exchanges"
"""Another package registers an exchange here: name = "package.module:DialectSubclass"."""

TUNED = {
    "bybit": "account_processors.bybit:Bybit",
    "blofin": "account_processors.blofin:Blofin",
    "kucoin": "account_processors.kucoin:Kucoin",
    "mexc": "account_processors.mexc:Mexc",
}


@dataclass
class _Shared:
    """What the accounts of one exchange at one address share on one event loop."""

    instruments: InstrumentCache = field(default_factory=InstrumentCache)
    windows: dict[str, Window] = field(default_factory=dict)


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], _Shared]] = WeakKeyDictionary()


def forget_shared() -> None:
    """Let what is connected on this loop from now on share nothing with what was before, as in a new process."""
    _SHARED.pop(asyncio.get_running_loop(), None)


def connect(
    settings: AccountSettings,
    clock: Clock,
    telemetry: Telemetry,
    *,
    session: Any = None,  # noqa: ANN401 - the part of aiohttp.ClientSession that ccxt uses
    urls: Mapping[str, object] | None = None,
    calls: CallSettings | None = None,
    read_lag_bound_seconds: float = 3.0,
    keeps_budgets: bool = True,
    spent: SpentCalls | None = None,
) -> CcxtExchange:
    """Connect one account; nothing is sent before the first read. To be called on the event loop that will use it.

    Args:
        settings: Exchange, mode, keys. A paper account carries the keys that its paper exchange gave it.
        clock: The wall clock; ccxt takes its timestamps from it.
        telemetry: For clock differences.
        session: Carries the requests, and is closed by its owner; None opens connections of the account's own.
        urls: ccxt's table of addresses; None takes the settings', and for live accounts the exchange's own.
        calls: Timeouts and tries.
        read_lag_bound_seconds: How long position reads may trail behind fills here.
        keeps_budgets: False paces no call, to measure the engine itself in front of an exchange without limits.
        spent: What processes before this one spent of long limits, and where it is noted; None begins with nothing.

    Raises:
        InvalidInput: If the exchange is not known, keys are missing, the addresses do not fit the mode, or a live
            account would not keep the exchange's limits.
    """
    dialect_class = find_dialect(settings.account.exchange)
    profile = dialect_class.profile
    if settings.mode is AccountMode.SANDBOX and profile.name not in TUNED:
        # Some classes, such as Hyperliquid's, sign otherwise for a testnet.
        profile = replace(profile, options={**profile.options, "sandboxMode": True})
    _check_keys(settings, profile)
    table = _addresses(settings, dialect_class, urls)
    check_hosts(settings.mode, str(settings.account), profile.ccxt_id, table)
    if settings.mode is AccountMode.LIVE and session is not None:
        raise InvalidInput(f"{settings.account}: a live account opens its own connections")
    if settings.mode is AccountMode.LIVE and not keeps_budgets:
        raise InvalidInput(f"{settings.account}: a live account keeps the exchange's limits")
    shared = _shared(profile, table)
    own_session: list[DirectSession] = []
    client = CcxtClient(
        profile=profile,
        envelope=dialect_class.envelope,
        keys=Keys(settings.api_key, settings.secret, settings.passphrase),
        limiter=Limiter(_windows(settings, profile, shared, spent) if keeps_budgets else _endless_windows(profile)),
        clock_offset=ClockOffset(clock, telemetry, str(settings.account)),
        settings=calls or CallSettings(),
        session=_opener(session, own_session, is_witnessed=profile.is_witnessed),
        urls=table,
    )
    return CcxtExchange(
        settings.account,
        dialect_class(client),
        client,
        shared.instruments,
        clock,
        counts_profit=settings.account_value is AccountValue.EQUITY,
        read_lag_bound_seconds=read_lag_bound_seconds,
        close_session=_closer(own_session),
        is_paper=settings.mode is AccountMode.PAPER,
    )


def find_dialect(exchange: str) -> type[Dialect]:
    """How an exchange is spoken to.

    Raises:
        InvalidInput: If neither we, nor an installed package, nor ccxt knows it, or ccxt cannot do what is needed.
    """
    if exchange in TUNED:
        return _load(TUNED[exchange])
    for entry in entry_points(group=ENTRY_POINT_GROUP, name=exchange):
        try:
            dialect = entry.load()
        except Exception as error:
            # Another package's import may raise anything; only its own accounts are left out.
            raise InvalidInput(f"{exchange}: {entry.value} cannot be loaded: {error!r}") from error
        if not (isinstance(dialect, type) and issubclass(dialect, Dialect)):
            raise InvalidInput(f"{exchange}: entry point {entry.value} is not a Dialect")
        return dialect
    generic = import_module("account_processors.generic")
    made: type[Dialect] = generic.dialect_for(exchange)
    return made


def _load(path: str) -> type[Dialect]:
    module, _, name = path.partition(":")
    loaded: type[Dialect] = getattr(import_module(module), name)
    return loaded


def _check_keys(settings: AccountSettings, profile: Profile) -> None:
    parts = {"api_key": settings.api_key, "api_secret": settings.secret}
    if profile.needs_passphrase:
        parts["api_passphrase"] = settings.passphrase
    missing = [name for name, value in parts.items() if not value]
    if missing:
        raise InvalidInput(f"{settings.account}: {', '.join(missing)} missing; run python3 config/credentials.py")


def _addresses(
    settings: AccountSettings, dialect_class: type[Dialect], urls: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    if urls is not None:
        return urls
    if set(settings.urls) == {"base"}:
        return dialect_class.urls(settings.urls["base"])
    return nested(settings.urls) if settings.urls else None


def _shared(profile: Profile, table: Mapping[str, object] | None) -> _Shared:
    by_exchange = _SHARED.setdefault(asyncio.get_running_loop(), {})
    return by_exchange.setdefault((profile.name, repr(table)), _Shared())


def _windows(settings: AccountSettings, profile: Profile, shared: _Shared, spent: SpentCalls | None) -> list[Window]:
    place = " ".join([settings.mode, *sorted(settings.urls.values())])

    def window_of(budget: Budget) -> Window:
        if not budget.shared:
            return new_window(str(settings.account), budget)
        if budget.name not in shared.windows:
            shared.windows[budget.name] = new_window(profile.name, budget)
        return shared.windows[budget.name]

    def new_window(whose: str, budget: Budget) -> Window:
        return spent.window(f"{whose} {place} {budget.name}", budget) if spent else Window(budget)

    return [window_of(budget) for budget in profile.budgets]


def _endless_windows(profile: Profile) -> list[Window]:
    return [Window(replace(budget, weight=inf)) for budget in profile.budgets]


def _opener(session: Any, own: list[DirectSession], *, is_witnessed: bool) -> Callable[[], Any]:  # noqa: ANN401 - see connect
    def open_session() -> Any:  # noqa: ANN401 - ccxt has no types
        if session is None and not own:
            own.append(DirectSession())
        carrier = own[0] if session is None else session
        return WitnessedSession(carrier) if is_witnessed else carrier

    return open_session


def _closer(own: list[DirectSession]) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        while own:
            await own.pop().close()

    return close
