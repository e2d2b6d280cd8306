"""The account part of the doctor: one passport an account; a bad account never hides the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from account_processors.ccxt_base import CcxtExchange
from account_processors.passport import Finding, Passport, Severity
from commands.doctor import changeable
from config.accounts import AccountSettings, load_accounts
from config.engine_settings import EngineSettings
from config.engine_settings_file import EngineSettingsFile
from config.home import Home
from config.trading_files import TradingFiles
from core.model.failures import ExchangeFailure, InvalidConfig, InvalidInput
from core.model.identity import Symbol
from core.model.order import Accepted
from execute_trades import connect_all
from operations.journal_copy import copy_journal
from operations.wall_clock import WallClock
from paper.house import accounts_file

LONGEST_INSPECTION_SECONDS = 60.0


class _Told:
    """core.ports.telemetry.Telemetry that keeps why accounts were left out."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def tell(self, event: str, **facts: object) -> None:
        """Keep the reason of a failed connection."""
        if event == "account left out":
            self.reasons[str(facts["account"])] = str(facts["why"])


async def inspect_accounts(home: Home, only: str = "") -> list[Passport]:
    """The passport of every configured account, or of one.

    Raises:
        core.model.failures.InvalidConfig: If credentials.json is invalid.
        core.model.failures.InvalidInput: If there is no account of that name.
    """
    accounts = [one for one in load_accounts(home) if only in ("", str(one.account))]
    if only and not accounts:
        known = ", ".join(str(one.account) for one in load_accounts(home))
        raise InvalidInput(f"account: there is no {only}; there are {known}")
    symbols = _symbols(home)
    async with _connected(home, accounts) as (exchanges, reasons):
        return list(
            await asyncio.gather(
                *(_inspect(one, exchanges.get(str(one.account)), symbols, reasons) for one in accounts)
            )
        )


async def apply_remedies(home: Home, passports: Sequence[Passport]) -> list[Passport]:
    """Carry out what the findings name, account by account; each passport afterwards."""
    accounts = {str(one.account): one for one in load_accounts(home)}
    wanted = {str(passport.account): passport for passport in passports}
    symbols = _symbols(home)
    async with _connected(home, [accounts[key] for key in wanted if key in accounts]) as (exchanges, reasons):
        done = []
        for key, passport in wanted.items():
            exchange = exchanges.get(key)
            failed = [] if exchange is None else [await _apply(exchange, finding) for finding in changeable(passport)]
            after = await _inspect(accounts[key], exchange, symbols, reasons)
            done.append(replace(after, findings=(*(one for one in failed if one), *after.findings)))
        return done


@asynccontextmanager
async def _connected(
    home: Home, accounts: Sequence[AccountSettings]
) -> AsyncIterator[tuple[dict[str, CcxtExchange], dict[str, str]]]:
    """The way to every account; paper accounts are looked at as a copy, since a running engine keeps the originals."""
    told = _Told()
    with TemporaryDirectory(prefix="doctor-") as folder:
        kept, copy = accounts_file(home.paper), accounts_file(Path(folder))
        if kept.exists():
            copy_journal(kept, copy)
        async with AsyncExitStack() as stack:
            try:
                way = connect_all(accounts, WallClock(), told, Path(folder), _engine_settings(home))
                exchanges = await stack.enter_async_context(way)
            except ExchangeFailure as error:
                exchanges = {}
                told.reasons |= {str(one.account): str(error) for one in accounts}
            yield {str(key): one for key, one in exchanges.items() if isinstance(one, CcxtExchange)}, told.reasons


def _engine_settings(home: Home) -> EngineSettings:
    """The engine's, so that paper accounts are seen under its prices; the defaults where its file is invalid."""
    try:
        return EngineSettingsFile(home).load()
    except InvalidConfig:
        return EngineSettings()


async def _inspect(
    settings: AccountSettings, exchange: CcxtExchange | None, symbols: Sequence[Symbol], reasons: dict[str, str]
) -> Passport:
    note = f"{settings.mode}{'' if settings.is_armed else ', not armed'}{'' if settings.enabled else ', disabled'}"
    if exchange is None:
        why = reasons.get(str(settings.account), "could not be connected")
        return Passport(settings.account, (Finding(Severity.PROBLEM, "connection", why, "see the reason"),), note)
    try:
        async with asyncio.timeout(LONGEST_INSPECTION_SECONDS):
            return replace(await exchange.inspect(symbols), note=note)
    except TimeoutError:
        slow = Finding(Severity.PROBLEM, "connection", f"no end within {LONGEST_INSPECTION_SECONDS:g} s", "try again")
        return Passport(settings.account, (slow,), note)


async def _apply(exchange: CcxtExchange, finding: Finding) -> Finding | None:
    outcome = await exchange.apply(finding)
    if isinstance(outcome, Accepted):
        return None
    return Finding(Severity.PROBLEM, finding.topic, f"not changed: {outcome.detail}", "close what is open, then again")


def _symbols(home: Home) -> list[Symbol]:
    try:
        return [weights.symbol for weights in TradingFiles(home).load().weights]
    except InvalidConfig:
        return []
