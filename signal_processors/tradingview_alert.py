"""One TradingView message: read from its bytes, in bounds and without contradiction, or refused with a reason.

A reason never repeats what the message held: it goes back to the caller.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.money import ONE, ZERO, divide, round_towards_zero
from signal_processors.tradingview_fields import AlertRefused, Fields, read_fields

MAX_LEVERAGE = Decimal(20)

_DEPTH_STEP = Decimal("1e-12")
_NUMBER = r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?"
_SHARE = re.compile(rf"({_NUMBER})\s*/\s*({_NUMBER})")
_EXIT = re.compile(rf"exit\s*@\s*{_NUMBER}", re.IGNORECASE)
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/!-]{0,39}")
_SEQUENCE = re.compile(r"[0-9]{1,18}")


class Side(StrEnum):
    """Which way a position is held."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class Stand:
    """A strategy's own position as TradingView tells it: the side, and the size in contracts where it is told."""

    side: Side
    size: Decimal | None = None

    def agrees(self, other: "Stand") -> bool:
        """Whether both may be the same position."""
        return self.side is other.side and (self.size is None or other.size is None or self.size == other.size)


@dataclass(frozen=True, slots=True)
class Alert:
    """What one message says.

    Attributes:
        symbol: As TradingView names it.
        depth: Signed share of the allocation, -1..1.
        closes: For a flat, the side it closes where the message tells.
        leverage: At least 1 and at most the configured cap.
        price: For people.
        event_id: The sender's own id of the event, empty without one.
        signal_seq: The sender's own sequence number.
        fired_at: When the alert fired ({{timenow}}, whole seconds).
        bar_at: The bar it fired on ({{time}}).
        order_id: The strategy's order.
        before: The strategy's position before the order.
        after: Its position after the order.
    """

    symbol: str
    depth: Decimal
    closes: Side | None = None
    leverage: Decimal | None = None
    price: Decimal | None = None
    event_id: str = ""
    signal_seq: int | None = None
    fired_at: datetime | None = None
    bar_at: datetime | None = None
    order_id: str = ""
    before: Stand | None = None
    after: Stand | None = None

    @property
    def side(self) -> Side:
        """The side the depth asks for."""
        if self.depth == ZERO:
            return Side.FLAT
        return Side.LONG if self.depth > ZERO else Side.SHORT


@dataclass(frozen=True, slots=True)
class Beat:
    """A message that only says that its strategy is alive."""


@dataclass(frozen=True, slots=True)
class AlertBounds:
    """What is refused although it can be read.

    Attributes:
        max_depth: Largest magnitude of a depth.
        max_leverage: Largest leverage.
        max_age_seconds: An entry that fired longer ago is refused; an exit never is.
        max_bar_age_seconds: As max_age_seconds, for the bar's time; a bar may be a month.
        max_future_seconds: How far the sender's clock may be ahead of ours.
    """

    max_depth: Decimal = ONE
    max_leverage: Decimal = MAX_LEVERAGE
    max_age_seconds: float = 300.0
    max_bar_age_seconds: float = 32 * 86_400.0
    max_future_seconds: float = 60.0


def parse_message(body: bytes, bounds: AlertBounds, now: datetime) -> Alert | Beat:
    """Read one message, whatever its content type.

    Args:
        body: JSON; numbers may be numbers or text.
        bounds: What is refused although it can be read.
        now: UTC time of receipt.

    Raises:
        AlertRefused: Saying why, without repeating any of the input.
    """
    fields = read_fields(body)
    if fields.flag("heartbeat"):
        return Beat()
    symbol = fields.text("symbol")
    if not symbol:
        raise AlertRefused("symbol is missing")
    if not _SYMBOL.fullmatch(symbol):
        raise AlertRefused("symbol is not 1-40 characters of A-Z, 0-9 and . _ : / ! -")
    after, before = _stand(fields, "market_position"), _stand(fields, "prev_market_position")
    direction = _direction(fields, after)
    depth = _depth(fields, direction, bounds)
    action = _action(fields)
    _check_action(action, direction, before, is_state=after is not None)
    fired_at, bar_at = fields.time("timenow"), fields.time("time")
    _check_times(fired_at, bar_at, bounds, now, is_exit=direction is Side.FLAT)
    sequence = fields.text("signal_seq")
    if sequence and not _SEQUENCE.fullmatch(sequence):
        raise AlertRefused("signal_seq is not a whole number of at most 18 digits")
    return Alert(
        symbol=symbol,
        depth=depth,
        closes=_closed_side(direction, action, before),
        leverage=_leverage(fields, bounds, is_exit=direction is Side.FLAT),
        price=_price(fields, is_exit=direction is Side.FLAT),
        event_id=fields.short_text("event_id"),
        signal_seq=int(sequence) if sequence else None,
        fired_at=fired_at,
        bar_at=bar_at,
        order_id=fields.short_text("order_id"),
        before=before,
        after=after,
    )


def _stand(fields: Fields, name: str) -> Stand | None:
    text = fields.text(name).lower()
    if not text:
        return None
    if text not in list(Side):
        raise AlertRefused(f"{name} is not long, short or flat")
    size = fields.number(f"{name}_size")
    return Stand(Side(text), None if size is None else abs(size))


def _direction(fields: Fields, after: Stand | None) -> Side:
    text = fields.text("direction").lower()
    if text and text not in list(Side):
        raise AlertRefused("direction is not long, short or flat")
    if not text and after is None:
        raise AlertRefused("direction (or market_position) is missing")
    if text and after is not None and after.side != text:
        raise AlertRefused("direction and market_position contradict each other")
    return Side(text) if text else after.side if after else Side.FLAT


def _depth(fields: Fields, direction: Side, bounds: AlertBounds) -> Decimal:
    """The signed depth: the magnitude is the size's, the sign is the direction's, and they must agree."""
    text = fields.text("size")
    if _EXIT.fullmatch(text) or (not text and direction is Side.FLAT):
        if direction is not Side.FLAT:
            raise AlertRefused("direction and size contradict each other: an exit is flat")
        return ZERO
    if not text:
        raise AlertRefused('size is missing; write a share such as "5.8/100"')
    share = _SHARE.fullmatch(text)
    if not share:
        raise AlertRefused('size is not a share such as "5.8/100", nor "Exit @ price"')
    part, whole = Decimal(share.group(1)), Decimal(share.group(2))
    if whole <= ZERO:
        raise AlertRefused("size has a whole that is not greater than zero")
    if (part == ZERO) != (direction is Side.FLAT) or (part < ZERO and direction is Side.LONG):
        raise AlertRefused("direction and size contradict each other")
    if abs(part) > whole * bounds.max_depth:
        raise AlertRefused("size is larger than the cap on depth")
    depth = round_towards_zero(abs(divide(part, whole)), _DEPTH_STEP)
    if depth == ZERO and direction is not Side.FLAT:
        raise AlertRefused("size is too small to tell from flat")
    return -depth if direction is Side.SHORT else depth


def _action(fields: Fields) -> str:
    action = fields.text("action").lower()
    if action not in {"", "buy", "sell"}:
        raise AlertRefused("action is not buy or sell")
    return action


def _check_action(action: str, direction: Side, before: Stand | None, *, is_state: bool) -> None:
    """An order's action must lead to the side the message names; a state message may also reduce."""
    if not action:
        return
    against = {Side.LONG: "sell", Side.SHORT: "buy"}
    if before is not None and direction is Side.FLAT and against.get(before.side, action) != action:
        raise AlertRefused("action and prev_market_position contradict each other")
    if against.get(direction) == action and not (is_state and (before is None or before.side is direction)):
        raise AlertRefused("direction and action contradict each other")


def _closed_side(direction: Side, action: str, before: Stand | None) -> Side | None:
    if direction is not Side.FLAT:
        return None
    if before is not None and before.side is not Side.FLAT:
        return before.side
    return {"sell": Side.LONG, "buy": Side.SHORT}.get(action)


def _leverage(fields: Fields, bounds: AlertBounds, *, is_exit: bool) -> Decimal | None:
    """The leverage; an exit uses none, so nothing about it can stop an exit."""
    if is_exit:
        return None
    leverage = fields.number("leverage")
    if leverage is not None and not ONE <= leverage <= bounds.max_leverage:
        raise AlertRefused("leverage is below 1 or above its cap")
    return leverage


def _price(fields: Fields, *, is_exit: bool) -> Decimal | None:
    """The price; an exit whose prices cannot be read is taken without them."""
    try:
        prices = {name: fields.number(name) for name in ("price", "takeprofit", "trailstop")}
    except AlertRefused:
        if not is_exit:
            raise
        return None
    wrong = [name for name, price in prices.items() if price is not None and price < ZERO]
    if wrong and not is_exit:
        raise AlertRefused(f"{wrong[0]} is negative")
    return prices["price"] or None if not wrong else None


def _check_times(
    fired_at: datetime | None, bar_at: datetime | None, bounds: AlertBounds, now: datetime, *, is_exit: bool
) -> None:
    limits: Mapping[str, tuple[datetime | None, float]] = {
        "timenow": (fired_at, bounds.max_age_seconds),
        "time": (bar_at, bounds.max_bar_age_seconds),
    }
    for name, (at, max_age) in limits.items():
        if at is None:
            continue
        if at - now > timedelta(seconds=bounds.max_future_seconds):
            raise AlertRefused(f"{name} lies in the future")
        if not is_exit and now - at > timedelta(seconds=max_age):
            raise AlertRefused(f"{name} is too old for an entry")
