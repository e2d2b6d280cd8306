"""What can go wrong with a made SN8 server: one fault for the next answers, or for all until it is taken away."""

from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """One way to fail."""

    CUT_BODY = "cut_body"
    CUT_CONNECTION = "cut_connection"
    EMPTY_OBJECT = "empty_object"
    LIST = "list"
    MISSING_MINERS = "missing_miners"
    MISSING_POSITIONS = "missing_positions"
    MISSING_OPEN = "missing_open"
    NAN = "nan"
    BAD_MINER = "bad_miner"
    NULL_CLOSE = "null_close"
    SLOW = "slow"
    SERVER_ERROR = "server_error"
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"
    NO_DATA = "no_data"
    STUCK = "stuck"
    STUCK_REPACKED = "stuck_repacked"
    NO_ENCODING_HEADER = "no_encoding_header"
    NOT_PACKED = "not_packed"

    @property
    def changes_miners(self) -> bool:
        """Whether the fault is in the miners' data and not in the transport."""
        return self in _IN_MINERS


_IN_MINERS = frozenset(
    {
        Fault.MISSING_MINERS,
        Fault.MISSING_POSITIONS,
        Fault.MISSING_OPEN,
        Fault.NAN,
        Fault.BAD_MINER,
        Fault.NULL_CLOSE,
    }
)


class Sn8Faults:
    """The planned faults.

    Attributes:
        delay_seconds: How long a slow answer takes.
    """

    def __init__(self) -> None:
        self.delay_seconds = 60.0
        self._fault: Fault | None = None
        self._left = 0

    def plan(self, fault: Fault | None, answers: int = 0) -> None:
        """Let the next answers fail; 0 answers: all of them until the next plan. None takes the fault away."""
        self._fault, self._left = fault, answers

    def take(self) -> Fault | None:
        """The fault of the answer that is being made."""
        fault = self._fault
        if self._left:
            self._left -= 1
            if not self._left:
                self._fault = None
        return fault


def break_body(body: bytes, fault: Fault | None) -> bytes:
    """A whole body made wrong."""
    match fault:
        case Fault.CUT_BODY:
            return body[: len(body) // 2]
        case Fault.EMPTY_OBJECT:
            return b"{}"
        case Fault.LIST:
            return b"[" + body + b"]"
        case _:
            return body


def break_miners(miners: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """Miners made wrong; the first in the server's order are the ones concerned."""
    names = list(miners)
    match fault:
        case Fault.MISSING_MINERS:
            return {name: miners[name] for name in names[len(names) // 3 :]}
        case Fault.MISSING_POSITIONS:
            return {name: {**miner, "positions": []} for name, miner in miners.items()}
        case Fault.MISSING_OPEN:
            return {
                name: {**miner, "positions": [p for p in miner["positions"] if p["is_closed_position"]]}
                for name, miner in miners.items()
            }
        case Fault.NAN:
            return {**miners, names[0]: {**miners[names[0]], "thirty_day_returns": float("nan")}}
        case Fault.BAD_MINER:
            return {**miners, names[0]: {**miners[names[0]], "positions": [{"trade_pair": []}]}, names[1]: None}
        case _:
            return {
                name: {**miner, "positions": [_null_close(p) for p in miner["positions"]]}
                for name, miner in miners.items()
            }


def _null_close(position: dict[str, Any]) -> dict[str, Any]:
    return position if position["is_closed_position"] else {**position, "close_ms": None}
