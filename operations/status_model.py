"""What the status of the whole engine consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.money import ZERO


class Knowledge(StrEnum):
    """What may be said of a held position."""

    KNOWN = "known"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source.

    Attributes:
        source: Its name.
        use: What the engine may do with it now.
        reason: Why, empty when it is simply followed.
        status: What it says of itself, empty when it cannot be read.
        heartbeat_age_seconds: Since its frame was rewritten, None when it cannot be read.
        content_age_seconds: Since it last fetched or said something new.
        depths: The newest depth per source symbol.
    """

    source: str
    use: str
    reason: str
    status: str = ""
    heartbeat_age_seconds: float | None = None
    content_age_seconds: float | None = None
    depths: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class OrderState:
    """One order that may still change the position."""

    client_order_id: str
    side: str
    quantity: Decimal
    reduce_only: bool
    phase: str
    age_seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class SymbolState:
    """One symbol of one account.

    Attributes:
        symbol: Its unified name.
        depth: Merged depth of the decision in force, None before the first.
        leverage: Leverage of that decision.
        target: Signed quantity it asks for.
        held: Signed quantity that was read last, None when that read failed.
        gap: target - held, None when either is missing.
        knowledge: Whether that read is known, stale or unknown.
        owned: Signed quantity that our fills explain.
        is_confirmed: Whether a fresh read agreed with the decision.
        why: Why held and target differ, or what else is to be said.
        standing: What may be done with it, with who and why when not active.
        in_flight: Orders that may still change the position.
        next_try_in_seconds: When something is tried again, None when only a wake or the full check brings it.
    """

    symbol: str
    depth: Decimal | None
    leverage: Decimal | None
    target: Decimal | None
    held: Decimal | None
    gap: Decimal | None
    knowledge: Knowledge
    owned: Decimal
    is_confirmed: bool
    why: str
    standing: str
    in_flight: Sequence[OrderState]
    next_try_in_seconds: float | None


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account.

    Attributes:
        account: Its key.
        mode: What its orders reach.
        is_enabled: Whether it trades at all.
        is_armed: Whether orders are sent.
        value: Account value in USDT at the last pass, None when unknown.
        last_pass_age_seconds: None before the first pass.
        trouble: What keeps the whole account from working.
        symbols: Its symbols.
    """

    account: str
    mode: str
    is_enabled: bool
    is_armed: bool
    value: Decimal | None
    last_pass_age_seconds: float | None
    trouble: str
    symbols: Sequence[SymbolState]


@dataclass(frozen=True, slots=True)
class HaltState:
    """Something that is held back."""

    scope: str
    standing: str
    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One box of the README's picture, in numbers.

    Attributes:
        name: As the picture has it; a source or an exchange that is not in it under its own name.
        kind: What the box is: source, merging, execution, exchange or cache.
        counts: By name, the unit last; None where it is not known.
    """

    name: str
    kind: str
    counts: Mapping[str, Decimal | int | float | None]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Everything.

    Attributes:
        home: Whose status it is.
        at: UTC time of the look.
        process_id: Of the running engine, None when none runs.
        problems: What is wrong with files, in words.
        sources: Every source with a weight.
        accounts: Every configured account.
        halts: What is held back, by whom and why.
        stages: The way from the sources to the exchanges, in numbers.
        sign_of_life_age_seconds: Since the running engine began or gave its last sign, None when none runs.
        loop_lag_seconds: The worst lag of its loop in the last minute, None when unknown.
        clock_differences_seconds: By account, its exchange's clock minus ours, as measured last; None when unknown.
    """

    home: str
    at: datetime
    process_id: int | None
    problems: Sequence[str]
    sources: Sequence[SourceState]
    accounts: Sequence[AccountState]
    halts: Sequence[HaltState]
    stages: Sequence[Stage] = ()
    sign_of_life_age_seconds: float | None = None
    loop_lag_seconds: float | None = None
    clock_differences_seconds: Mapping[str, float] | None = None


def is_everything_in_order(status: EngineStatus) -> bool:
    """Whether an engine runs, nothing is wrong or held back, and every target is confirmed."""
    symbols = [symbol for account in status.accounts for symbol in account.symbols]
    return (
        status.process_id is not None
        and not status.problems
        and not status.halts
        and all(symbol.is_confirmed or symbol.target == symbol.held == ZERO for symbol in symbols)
        and not any(account.trouble for account in status.accounts)
    )
