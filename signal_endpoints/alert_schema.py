"""The messages that the webhook reads, as models: the schema that people, editors and test generators see.

Messages themselves are read by signal_processors.tradingview_alert, which says more precisely what is refused.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from signal_endpoints.surroundings import ClockHealth, DiskHealth

Number = Annotated[
    str | int | float, Field(description="a number, or the same as text; empty counts as missing", examples=["3", 3])
]
Share = Annotated[str, Field(pattern=r"^-?[0-9]{1,6}(\.[0-9]{1,6})?/[0-9]{1,6}(\.[0-9]{1,6})?$", examples=["5.8/100"])]
Exit = Annotated[str, Field(pattern=r"^Exit @ [0-9]{1,9}(\.[0-9]{1,6})?$", examples=["Exit @ 3263.55"])]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/!-]*$")]
Side = Literal["long", "short", "flat"]


class _Message(BaseModel):
    """What every alert may say."""

    symbol: Name
    key: str | None = Field(None, description="made by ./engine webhook keys add STRATEGY")
    action: Literal["buy", "sell", ""] | None = None
    leverage: Number | None = None
    price: Number | None = None
    priority: str | None = None
    takeprofit: Number | None = None
    trailstop: Number | None = None
    event_id: str | None = Field(None, max_length=128)
    signal_seq: int | None = Field(None, ge=0, lt=10**18)
    time: str | int | None = Field(None, description="{{time}}")
    timenow: str | int | None = Field(None, description="{{timenow}}")


class EventAlert(_Message):
    """An alert that names a direction."""

    direction: Side
    size: Share | Exit | None = None


class StateAlert(_Message):
    """An alert that carries the strategy's position, from TradingView's strategy placeholders."""

    market_position: Side
    size: Share | None = None
    market_position_size: Number | None = None
    prev_market_position: Side | None = None
    prev_market_position_size: Number | None = None
    order_id: str | None = Field(None, max_length=128)


class HeartbeatMessage(BaseModel):
    """A message that only says that its strategy is alive."""

    heartbeat: Literal[True]
    key: str | None = None


AnyMessage = EventAlert | StateAlert | HeartbeatMessage


class Health(BaseModel):
    """What GET /health shows."""

    status: Literal["ok", "degraded", "failed"] = Field(
        description="failed: messages are not stored, the engine does not see the depths, or a file is invalid; "
        "degraded: look at warnings, disk and clock"
    )
    authenticated: bool = Field(description="whether messages need a key")
    records: int = Field(description="messages stored so far")
    messages: dict[str, int] = Field(description="messages of this run, by what became of them")
    refused: dict[str, int] = Field(description="requests of this run that were refused before they were stored")
    warnings: int = Field(description="opens that are held, and strategies that should have spoken")
    disk: DiskHealth
    clock: ClockHealth


RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Stored, and used as the result says."},
    401: {"description": "The key is missing or not valid."},
    403: {"description": "The caller may not speak."},
    408: {"description": "The message did not arrive in time."},
    409: {"description": "Stored; the same id came before with another depth."},
    413: {"description": "Larger than 16 KiB."},
    422: {"description": "Stored; the reason says why it is not used."},
    429: {"description": "Refused too often."},
    503: {"description": "Not stored; send it again."},
}
