"""The account passport: what a key may do and how an account is set up, each finding with its remedy."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from account_processors.clock_offset import ALARM_SECONDS
from account_processors.outcomes import CallFailed
from account_processors.replies import MalformedReply
from core.model.identity import NO_SPOT, AccountId, Symbol
from core.model.instrument import Instrument
from core.model.money import plain
from core.model.order import RefusalReason
from core.model.position import MarginMode, Position, Quote
from core.model.reading import Known, Reading, Unknown
from core.ports.telemetry import Telemetry

if TYPE_CHECKING:
    from account_processors.ccxt_base import CcxtExchange


class Severity(StrEnum):
    """How much a finding matters. PROBLEM: the engine cannot trade so."""

    GOOD = "good"
    WARNING = "warning"
    PROBLEM = "problem"


WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        severity: How much it matters.
        topic: What was looked at.
        what: What was found.
        remedy: What the operator can do, empty when all is well.
        remedy_id: The change that `./engine doctor --apply` makes, empty when it is the operator's alone.
    """

    severity: Severity
    topic: str
    what: str
    remedy: str = ""
    remedy_id: str = ""


@dataclass(frozen=True, slots=True)
class Passport:
    """Everything found about one account.

    Attributes:
        account: Whose.
        findings: In the order in which they were looked at.
        note: How the account is kept, for the heading.
    """

    account: AccountId
    findings: tuple[Finding, ...]
    note: str = ""

    @property
    def is_fit(self) -> bool:
        """Whether nothing keeps the engine from trading it."""
        return all(finding.severity is not Severity.PROBLEM for finding in self.findings)


async def inspect_account(
    exchange: "CcxtExchange", inspect: Callable[[], Awaitable[list[Finding]]], symbols: Sequence[Symbol]
) -> Passport:
    """Look at everything; what cannot be looked at is a finding too."""
    findings: list[Finding] = []
    try:
        findings += await inspect()
    except CallFailed as failure:
        findings.append(_failed(failure))
    except MalformedReply as error:
        findings.append(Finding(Severity.PROBLEM, "answer", str(error), "see whether the exchange has changed it"))
    findings.append(_clock(exchange))
    findings += await _money_and_symbols(exchange, symbols)
    if exchange.is_paper:
        findings = [_on_paper(finding) for finding in findings]
    return Passport(exchange.account, tuple(findings))


def _on_paper(finding: Finding) -> Finding:
    """Without advice about a key that nobody made."""
    if finding.topic != WITHDRAWAL:
        return finding
    return Finding(Severity.GOOD, WITHDRAWAL, "a paper account has nothing to withdraw")


@runtime_checkable
class Inspectable(Protocol):
    """Whatever can show a passport."""

    async def inspect(self, symbols: Sequence[Symbol] = ()) -> Passport:
        """Look at the account."""
        ...


async def tell_passports(exchanges: Iterable[object], symbols: Sequence[Symbol], telemetry: Telemetry) -> None:
    """Look at every account beside the trading, and tell what needs a person; no account waits for another."""

    async def look(exchange: Inspectable) -> None:
        passport = await exchange.inspect(symbols)
        account = str(passport.account)
        for finding in passport.findings:
            if finding.severity is not Severity.GOOD:
                told = {"topic": finding.topic, "found": finding.what, "remedy": finding.remedy}
                telemetry.tell(f"account {finding.severity}", account=account, **told)
        telemetry.tell("account looked at", account=account, is_fit=passport.is_fit)

    await asyncio.gather(*(look(exchange) for exchange in exchanges if isinstance(exchange, Inspectable)))


def trading_right(*, may_trade: bool | None) -> Finding:
    """Whether the key may trade perpetuals; None when the exchange does not tell."""
    if may_trade is None:
        return Finding(Severity.GOOD, "trading", "not told by the exchange; the first order shows it")
    if may_trade:
        return Finding(Severity.GOOD, "trading", "the key may trade perpetuals")
    return Finding(
        Severity.PROBLEM, "trading", "the key may not trade perpetuals", "give it the right to trade contracts"
    )


def withdrawal_right(*, may_withdraw: bool | None) -> Finding:
    """Whether the key may move money out; None when the exchange does not tell."""
    remedy = "make a key without the right to withdraw or transfer; the engine never needs it"
    if may_withdraw is None:
        return Finding(Severity.WARNING, WITHDRAWAL, "the exchange does not tell whether the key may withdraw", remedy)
    if may_withdraw:
        return Finding(Severity.WARNING, WITHDRAWAL, "the key may withdraw", remedy)
    return Finding(Severity.GOOD, WITHDRAWAL, "the key may not withdraw")


def account_kind(*, is_right: bool, kind: str, remedy: str) -> Finding:
    """Whether the account is of the kind that is spoken to."""
    if is_right:
        return Finding(Severity.GOOD, "account", kind)
    return Finding(Severity.PROBLEM, "account", f"not a {kind}", remedy)


def margin_mode_finding(mode: MarginMode, scope: str, remedy_id: str) -> Finding:
    """Isolated margin is wanted."""
    if mode is MarginMode.ISOLATED:
        return Finding(Severity.GOOD, "margin mode", f"isolated for {scope}")
    remedy = "set isolated margin at the exchange while the account is flat, or run ./engine doctor --apply"
    return Finding(Severity.PROBLEM, "margin mode", f"{mode} for {scope}; isolated is wanted", remedy, remedy_id)


def position_mode_finding(*, is_one_way: bool, remedy_id: str, hedge_works: bool = False) -> Finding:
    """One-way mode is wanted; where the protocol allows it, hedge mode is handled as well."""
    if is_one_way:
        return Finding(Severity.GOOD, "position mode", "one-way")
    remedy = "switch to one-way mode at the exchange while the account is flat, or run ./engine doctor --apply"
    severity = Severity.WARNING if hedge_works else Severity.PROBLEM
    what = "hedge mode; handled as long as no symbol is held both ways" if hedge_works else "hedge mode"
    return Finding(severity, "position mode", what, remedy, remedy_id)


def usual_findings(
    *, scope: str, is_one_way: bool, remedy_id: str, hedge_works: bool = False, may_trade: bool | None = None
) -> list[Finding]:
    """What is found on an exchange that tells little about keys and keeps the margin mode narrower than the account.

    Args:
        scope: What the margin mode belongs to.
        is_one_way: Whether the account is in one-way mode.
        remedy_id: What switches it to that.
        hedge_works: Whether hedge mode is handled as well.
        may_trade: Whether the key may trade, None when the exchange does not tell.
    """
    return [
        trading_right(may_trade=may_trade),
        withdrawal_right(may_withdraw=None),
        margin_mode_finding(MarginMode.ISOLATED, scope=scope, remedy_id=""),
        position_mode_finding(is_one_way=is_one_way, remedy_id=remedy_id, hedge_works=hedge_works),
        fee_tier(""),
    ]


def fee_tier(tier: str) -> Finding:
    """The fee tier, for people."""
    return Finding(Severity.GOOD, "fee tier", tier or "not told by the exchange")


def _failed(failure: CallFailed) -> Finding:
    """A refusal is about the key; no answer is about the way to the exchange."""
    if isinstance(failure.meaning, RefusalReason):
        remedy = "check the key, its rights and its list of addresses at the exchange"
        return Finding(Severity.PROBLEM, "key", failure.detail, remedy)
    remedy = "see whether the exchange can be reached from here, and whether it is in maintenance"
    return Finding(Severity.PROBLEM, "connection", failure.detail, remedy)


def _clock(exchange: "CcxtExchange") -> Finding:
    offset = exchange.clock_offset
    if not offset.is_measured:
        return Finding(
            Severity.WARNING, "clock", "the exchange's clock could not be read", "see whether it is reachable"
        )
    seconds = offset.offset.total_seconds()
    if abs(seconds) > ALARM_SECONDS:
        remedy = "synchronize this machine's clock (chrony or systemd-timesyncd)"
        return Finding(Severity.WARNING, "clock", f"differs from the exchange's by {seconds:+.3f} s", remedy)
    return Finding(Severity.GOOD, "clock", f"differs from the exchange's by {seconds:+.3f} s")


async def _money_and_symbols(exchange: "CcxtExchange", symbols: Sequence[Symbol]) -> list[Finding]:
    snapshot = await exchange.read_snapshot()
    instruments = await exchange.read_instruments()
    findings = [_value(snapshot.equity), _positions(snapshot.positions)]
    if isinstance(instruments, Unknown):
        return [*findings, Finding(Severity.PROBLEM, "symbols", f"unknown: {instruments.reason}", "see the reason")]
    quotes = await exchange.read_quotes(symbols) if symbols else {}
    for symbol in symbols:
        rules = instruments.value.get(symbol)
        if rules is None:
            findings.append(_not_listed(symbol, instruments.value))
        else:
            findings.append(_listed(symbol, rules, quotes[symbol], snapshot.equity))
    return findings


def _value(equity: Reading[Decimal]) -> Finding:
    if isinstance(equity, Unknown):
        return Finding(Severity.PROBLEM, "value", f"unknown: {equity.reason}", "see the reason")
    what = f"{plain(equity.value)} USDT"
    if equity.value > 0:
        return Finding(Severity.GOOD, "value", what)
    return Finding(Severity.WARNING, "value", what, "move USDT into the futures account")


def _positions(positions: Reading[Mapping[Symbol, Position]]) -> Finding:
    if isinstance(positions, Unknown):
        return Finding(Severity.PROBLEM, "positions", f"unknown: {positions.reason}", "see the reason")
    unclear = [f"{symbol} {position.unclear}" for symbol, position in positions.value.items() if position.unclear]
    if unclear:
        return Finding(Severity.PROBLEM, "positions", "; ".join(unclear), "see the reason; other symbols are traded")
    return Finding(Severity.GOOD, "positions", f"{len(positions.value)} open")


def _listed(symbol: Symbol, rules: Instrument, quote: Reading[Quote], equity: Reading[Decimal]) -> Finding:
    """What the smallest order is, and how much of the account's value it takes before leverage."""
    size = f"smallest order {plain(rules.min_quantity)}"
    if isinstance(quote, Known):
        worth = max(quote.value.last * rules.min_quantity, rules.min_notional)
        size += f", about {plain(round(worth, 2))} USDT"
        if isinstance(equity, Known) and equity.value > 0:
            size += f" or {plain(round(100 * worth / equity.value, 2))} % of the account's value"
    what = f"{rules.exchange_symbol}; {size}; leverage up to {plain(rules.max_leverage)}"
    if rules.tradable:
        return Finding(Severity.GOOD, symbol, what)
    return Finding(Severity.WARNING, symbol, f"{what}; not traded now", "wait until it is, or drop the symbol")


def _not_listed(symbol: Symbol, listed: Mapping[Symbol, Instrument]) -> Finding:
    similar = sorted(name for name in listed if name.lstrip("0123456789") == symbol.lstrip("0123456789"))
    hint = f"it lists {', '.join(similar)}; each such unit holds many coins, so map it on purpose" if similar else ""
    return Finding(
        Severity.WARNING,
        symbol,
        "not listed on this exchange",
        hint or f"it is left out here; a spot market of that name {NO_SPOT}",
    )
