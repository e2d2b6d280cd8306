"""The risk rules one by one: each looks at one increase and caps it, refuses it, or has nothing to say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.decisions.measure_volatility import volatility_scale
from core.model.identity import Symbol
from core.model.money import ZERO, divide, plain
from core.model.position import Quote
from core.model.reading import Known, Reading, Unknown
from core.model.risk import RiskLimits

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A position that somebody would like to hold, and what is known around it.

    Attributes:
        symbol: Which.
        target: Signed quantity to hold.
        held: Signed quantity held now.
        depth: Merged depth that asks for it.
        leverage: Leverage it would be held with.
        price: What it is valued at, in USDT.
        equity: Account value in USDT.
        others_notional: Value of all other positions of the account, held or decided, whichever is larger, in USDT.
        quote: The newest prices.
        increases_last_minute: How many increases the account sent in the last minute.
        now: UTC time.
        volatility_percent: Standard deviation of a day's move of the price in percent, None when not asked for.
    """

    symbol: Symbol
    target: Decimal
    held: Decimal
    depth: Decimal
    leverage: Decimal
    price: Decimal
    equity: Reading[Decimal]
    others_notional: Reading[Decimal]
    quote: Reading[Quote]
    increases_last_minute: int
    now: datetime
    volatility_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """The position may be at most so large, unsigned, in base asset."""

    largest: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The position must not grow now."""

    why: str


Rule = Callable[[Proposal, RiskLimits], Cap | Refusal | None]


def allow_symbol(proposal: Proposal, limits: RiskLimits) -> Refusal | None:
    """Only listed symbols may be increased."""
    if limits.allowed_symbols is None or proposal.symbol in limits.allowed_symbols:
        return None
    return Refusal(f"{proposal.symbol} is not among the allowed symbols")


def cap_depth(proposal: Proposal, limits: RiskLimits) -> Cap | None:
    """A depth beyond the largest is cut to it."""
    depth = abs(proposal.depth)
    if depth <= limits.max_depth:
        return None
    largest = divide(abs(proposal.target) * limits.max_depth, depth)
    return Cap(largest, f"depth {plain(depth)} is above the limit of {plain(limits.max_depth)}")


def refuse_leverage(proposal: Proposal, limits: RiskLimits) -> Refusal | None:
    """A leverage beyond the highest opens nothing (targets are capped to it before they are sized)."""
    if limits.max_leverage is None or proposal.leverage <= limits.max_leverage:
        return None
    return Refusal(f"leverage {plain(proposal.leverage)} is above the limit of {plain(limits.max_leverage)}")


def scale_by_volatility(proposal: Proposal, limits: RiskLimits) -> Cap | None:
    """A symbol livelier than the target volatility is held smaller in proportion."""
    target, volatility = limits.target_volatility_percent, proposal.volatility_percent
    if target is None or volatility is None:
        return None
    scale = volatility_scale(volatility, target)
    why = f"a daily volatility of {volatility:.2f} % above the target of {plain(target)} %"
    return Cap(abs(proposal.target) * scale, why)


def cap_symbol_notional(proposal: Proposal, limits: RiskLimits) -> Cap | None:
    """One symbol's position is worth at most so much."""
    if limits.max_symbol_notional is None:
        return None
    why = f"the limit of {plain(limits.max_symbol_notional)} USDT per symbol"
    return Cap(divide(limits.max_symbol_notional, proposal.price), why)


def cap_account_notional(proposal: Proposal, limits: RiskLimits) -> Cap | Refusal | None:
    """All positions of an account together are worth at most so much."""
    if limits.max_account_notional is None:
        return None
    why = f"the limit of {plain(limits.max_account_notional)} USDT per account"
    return _cap_total(proposal, limits.max_account_notional, why)


def cap_gross_leverage(proposal: Proposal, limits: RiskLimits) -> Cap | Refusal | None:
    """All positions of an account together are worth at most so many account values."""
    if limits.max_gross_leverage is None:
        return None
    if isinstance(proposal.equity, Unknown):
        return Refusal(f"account value unknown: {proposal.equity.reason}")
    why = f"the limit of {plain(limits.max_gross_leverage)} account values in all positions"
    return _cap_total(proposal, max(ZERO, proposal.equity.value) * limits.max_gross_leverage, why)


def _cap_total(proposal: Proposal, largest_total: Decimal, why: str) -> Cap | Refusal:
    if isinstance(proposal.others_notional, Unknown):
        return Refusal(f"{why}: {proposal.others_notional.reason}")
    room = max(ZERO, largest_total - proposal.others_notional.value)
    return Cap(divide(room, proposal.price), why)


def refuse_haste(proposal: Proposal, limits: RiskLimits) -> Refusal | None:
    """An account sends only so many increases in a minute."""
    most = limits.max_increases_per_minute
    if most is None or proposal.increases_last_minute < most:
        return None
    return Refusal(f"{proposal.increases_last_minute} increases in the last minute, the limit is {most}")


def refuse_odd_price(proposal: Proposal, limits: RiskLimits) -> Refusal | None:
    """A price that is unknown, old, widely quoted or far from the mark opens nothing."""
    problem = price_problem(proposal.quote, proposal.now, limits)
    return Refusal(problem) if problem else None


def refuse_odd_value(proposal: Proposal, limits: RiskLimits) -> Refusal | None:
    """An account whose value is unknown or not positive opens nothing."""
    del limits
    if isinstance(proposal.equity, Unknown):
        return Refusal(f"account value unknown: {proposal.equity.reason}")
    if proposal.equity.value <= ZERO:
        return Refusal(f"account value is {plain(proposal.equity.value)} USDT")
    return None


def price_problem(quote: Reading[Quote], now: datetime, limits: RiskLimits) -> str:
    """Why a price should not be traded or sized on, empty when it may.

    Args:
        quote: What was read.
        now: UTC time.
        limits: The largest age, spread and distance from the mark price.
    """
    if not isinstance(quote, Known):
        return f"price unknown: {quote.reason}"
    prices = quote.value
    age = now - min(prices.at, quote.read_at)
    if age > timedelta(seconds=limits.max_quote_age_seconds):
        return f"price is {age.total_seconds():.0f} s old"
    if prices.bid is not None and prices.ask is not None:
        spread = _percent(prices.ask - prices.bid, prices.last)
        if not ZERO <= spread <= limits.max_spread_percent:
            return f"bid {plain(prices.bid)} and ask {plain(prices.ask)} are {spread:.2f} % apart"
    if prices.mark is not None:
        gap = _percent(abs(prices.last - prices.mark), prices.mark) if prices.mark > ZERO else HUNDRED
        if gap > limits.max_mark_gap_percent:
            return f"last price {plain(prices.last)} is {gap:.2f} % from the mark price {plain(prices.mark)}"
    return ""


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return divide(part * HUNDRED, whole)
