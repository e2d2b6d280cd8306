"""Faults on demand: which requests they meet, how often, and what they do; chance comes from a seed."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import msgspec

from core.model.failures import InvalidInput
from paper.refusals import Reason


class FaultKind(StrEnum):
    """What may go wrong with a request."""

    LATENCY = "latency"
    HANG = "hang"
    CUT_BEFORE = "cut_before"
    ANSWER_LOST = "answer_lost"
    LATE = "late"
    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    SERVER_ERROR = "server_error"
    HTML_PAGE = "html_page"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    WRONG_FIELD = "wrong_field"
    MISSING_FIELD = "missing_field"
    PARTIAL_FILL = "partial_fill"
    REJECTED_LATER = "rejected_later"
    ACCEPTED_LATE = "accepted_late"
    CLOCK_SKEW = "clock_skew"
    REVOKED_KEY = "revoked_key"
    STALE_POSITIONS = "stale_positions"
    SHORT_LIST = "short_list"
    LIQUIDATION = "liquidation"
    DELEVERAGING = "deleveraging"
    FOREIGN_TRADE = "foreign_trade"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; empty fields meet every request.

    Attributes:
        kind: What goes wrong.
        exchange: On which exchange.
        account: Of which account, by label.
        endpoint: On which endpoint, by its name: `create_order`, `positions`, ...
        symbol: About which symbol, as the exchange writes it.
        count: How many requests it meets; None for all until it is removed.
        skip: How many fitting requests pass first.
        probability: Chance that a fitting request is met, 0..1; a miss does not use up the count.
        not_before_ms: Unix milliseconds from which it is armed.
        seconds: Latency, lateness, delay of acceptance, skew or lag; skew may be negative.
        sigma: Above zero, latency is lognormal with `seconds` as its median.
        status: HTTP status of `server_error`, `html_page`, and of a `rate_limited` without body; 0 for the default.
        reason: For `refused` a `Reason`; for `rejected_later` any word.
        code: For `refused`: the exchange's own code instead of a reason's.
        field: For `wrong_field` and `missing_field`: the name of the JSON member, wherever it stands.
        value: For `wrong_field`: the JSON value put there.
        share: For `partial_fill`: share that is filled, 0..1; for `short_list`: share of rows that is kept.
        quantity: For `foreign_trade`: signed, for `deleveraging`: unsigned, in the market's unit.
    """

    kind: FaultKind
    exchange: str = ""
    account: str = ""
    endpoint: str = ""
    symbol: str = ""
    count: int | None = 1
    skip: int = 0
    probability: float = 1.0
    not_before_ms: int = 0
    seconds: float = 0.0
    sigma: float = 0.0
    status: int = 0
    reason: str = ""
    code: str = ""
    field: str = ""
    value: object = None
    share: Decimal = Decimal("0.5")
    quantity: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InvalidInput(f"fault probability: {self.probability} is outside 0..1")
        if self.kind is FaultKind.REFUSED and self.reason not in {"", *Reason}:
            raise InvalidInput(f"fault reason: {self.reason!r} is none of {', '.join(Reason)}")


@dataclass(slots=True)
class Armed:
    """A fault in force.

    Attributes:
        number: By which it can be removed.
        fault: What it is.
        to_skip: How many fitting requests still pass.
        left: How many it still meets; None for all.
    """

    number: int
    fault: Fault
    to_skip: int
    left: int | None


class Faults:
    """The faults in force.

    Attributes:
        on_change: Called after faults were added, removed or used up.
    """

    def __init__(self, seed: int = 1) -> None:
        self.on_change: Callable[[], None] = _forget
        self._armed: list[Armed] = []
        self._chance = random.Random(f"faults {seed}")
        self._last = 0

    def add(self, fault: Fault) -> int:
        """Put a fault in force; its number, by which it can be removed."""
        self._last += 1
        self._armed.append(Armed(self._last, fault, fault.skip, fault.count))
        self.on_change()
        return self._last

    def remove(self, number: int) -> None:
        """Take one fault out of force; unknown numbers are ignored."""
        self._armed = [armed for armed in self._armed if armed.number != number]
        self.on_change()

    def clear(self) -> None:
        """Heal the world."""
        self._armed.clear()
        self.on_change()

    def save(self) -> str:
        """The faults in force and what is left of each, to be kept across restarts; chance begins anew there."""
        return msgspec.json.encode(self._armed).decode()

    def restore(self, saved: str) -> None:
        """Take up faults that were kept.

        Raises:
            msgspec.MsgspecError: If the text was not made by `save`.
        """
        self._armed = read_armed(saved)
        self._last = max((armed.number for armed in self._armed), default=0)

    def in_force(self) -> dict[int, Fault]:
        """Every fault that can still meet a request, by number."""
        return {armed.number: armed.fault for armed in self._armed}

    def draw(self, exchange: str, account: str, endpoint: str, symbol: str, now_ms: int) -> list[Fault]:
        """The faults that meet this request, in the order they were added; counts and chance are used up."""
        if not self._armed:
            return []
        met = []
        is_changed = False
        for armed in list(self._armed):
            if not _fits(armed.fault, exchange, account, endpoint, symbol, now_ms):
                continue
            if armed.to_skip:
                armed.to_skip -= 1
                is_changed = True
                continue
            if armed.fault.probability < 1 and self._chance.random() >= armed.fault.probability:
                continue
            met.append(armed.fault)
            is_changed |= armed.left is not None
            self._use_up(armed)
        if is_changed:
            self.on_change()
        return met

    def latency_seconds(self, met: Sequence[Fault]) -> float:
        """The waiting that the faults ask for, together."""
        return sum(self._latency(fault) for fault in met if fault.kind is FaultKind.LATENCY)

    def _use_up(self, armed: Armed) -> None:
        if armed.left is None:
            return
        armed.left -= 1
        if armed.left <= 0:
            self._armed.remove(armed)

    def _latency(self, fault: Fault) -> float:
        if fault.sigma <= 0 or fault.seconds <= 0:
            return max(fault.seconds, 0.0)
        return self._chance.lognormvariate(math.log(fault.seconds), fault.sigma)


def read_armed(saved: str) -> list[Armed]:
    """The faults of a text that `Faults.save` made.

    Raises:
        msgspec.MsgspecError: If it was not made there.
    """
    return msgspec.json.decode(saved, type=list[Armed])


def _fits(fault: Fault, exchange: str, account: str, endpoint: str, symbol: str, now_ms: int) -> bool:
    return (
        fault.exchange in ("", exchange)
        and fault.account in ("", account)
        and fault.endpoint in ("", endpoint)
        and fault.symbol in ("", symbol)
        and fault.not_before_ms <= now_ms
    )


def _forget() -> None:
    """Nothing is kept."""
