"""A made SN8 server: the REST answers of a Vanta validator over made miners, as a function request -> response."""

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from core.ports.clock import Clock
from paper.sn8_faults import Fault, Sn8Faults, break_body, break_miners
from paper.sn8_world import LIVE_TIER, Sn8World

REBUILD_SECONDS = 60
TIERS = (0, 30, 50, LIVE_TIER)


@dataclass(frozen=True, slots=True)
class Sn8Request:
    """One request as the server sees it. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sn8Response:
    """One answer.

    Attributes:
        status: HTTP status.
        headers: As sent.
        body: As sent, packed where the headers say so.
        delay_seconds: How long the server takes.
        cut_at: Send only so many bytes, then break the connection; None sends all.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_seconds: float = 0.0
    cut_at: int | None = None


class Sn8Server:
    """The made server.

    Attributes:
        faults: What goes wrong.
        requests: How often the positions were asked for.
        lose_statistics: Answer 404 where `/statistics` is asked for.
        lose_eliminations: The same for `/eliminations`.

    Args:
        world: Its miners.
        clock: UTC time.
        keys: Tier by API key.
        accepts_json_key: Take the key from a JSON body too, as servers of before August 2025 did.
        gzip_level: How hard answers are packed, 0 (not at all, in the format all the same) to 9.
    """

    def __init__(
        self,
        world: Sn8World,
        clock: Clock,
        keys: Mapping[str, int],
        *,
        accepts_json_key: bool = False,
        gzip_level: int = 1,
    ) -> None:
        self.faults = Sn8Faults()
        self.requests = 0
        self.lose_statistics = False
        self.lose_eliminations = False
        self._world = world
        self._clock = clock
        self._keys = dict(keys)
        self._accepts_json_key = accepts_json_key
        self._gzip_level = gzip_level
        self._built: dict[int, tuple[int, bytes]] = {}
        self._closed_texts: dict[str, str] = {}

    def change_keys(self, keys: Mapping[str, int]) -> None:
        """Take these keys, with their tiers, and no others from now on."""
        self._keys = dict(keys)

    def tier_of_key(self, key: str) -> int | None:
        """The tier of an API key, None for an unknown one."""
        return self._keys.get(key)

    def news(self, since: datetime) -> list[dict[str, Any]]:
        """Positions with an order after a time, as the WebSocket pushes them: whole, `close_ms` null while open."""
        now_ms, since_ms = (at.timestamp() * 1000 for at in (self._clock.now(), since))
        return [
            {**position, "close_ms": position["close_ms"] or None}
            for miner in self._world.positions(now_ms).values()
            for position in miner["positions"]
            if position["orders"][-1]["processed_ms"] > since_ms
        ]

    def now(self) -> datetime:
        """The server's time."""
        return self._clock.now()

    def answer(self, request: Sn8Request) -> Sn8Response:
        """Answer one request."""
        is_bulk = request.path == "/miner-positions"
        self.requests += is_bulk
        fault = self.faults.take() if is_bulk else None
        if fault in _REFUSALS:
            return _REFUSALS[fault]
        tier = self._tier_of(request)
        if tier is None:
            return _REFUSALS[Fault.KEY_REFUSED]
        if request.method != "GET":
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "method not allowed")
        if request.path == "/miner-positions":
            return self._positions(request, tier, fault)
        return self._other(request.path)

    def _other(self, path: str) -> Sn8Response:
        match path:
            case "/miner-hotkeys":
                return _json(sorted(self._world.hotkeys))
            case "/eliminations" if not self.lose_eliminations:
                return _json(
                    {"eliminations": [{"hotkey": key, "reason": "MAX_TOTAL_DRAWDOWN"} for key in self.eliminated]}
                )
            case "/statistics" if not self.lose_statistics:
                return _json({"version": "8.8.9", "data": self._statistics()})
            case _:
                return _error(HTTPStatus.NOT_FOUND, "not found")

    @property
    def hotkeys(self) -> tuple[str, ...]:
        """All miners."""
        return tuple(self._world.hotkeys)

    @property
    def eliminated(self) -> tuple[str, ...]:
        """Hotkeys that `/eliminations` names: the last of the world."""
        return tuple(self._world.hotkeys[-1:])

    def _statistics(self) -> list[dict[str, Any]]:
        minute = math.floor(self._clock.now().timestamp() / REBUILD_SECONDS)
        status = dict.fromkeys(self._world.hotkeys, "success") | {self._world.hotkeys[-2]: "plagiarism"}
        return [
            {
                "hotkey": key,
                "challengeperiod": {"status": status[key]},
                "drawdowns": {"instantaneous_max_drawdown": 0.97 - minute % 60 / 10_000, "daily_max_drawdown": 0.98},
            }
            for key in self._world.hotkeys
        ]

    def _positions(self, request: Sn8Request, allowed: int, fault: Fault | None) -> Sn8Response:
        text = request.query.get("tier", str(LIVE_TIER))
        tier = int(text) if text.isdecimal() else -1
        if tier not in TIERS:
            return _error(HTTPStatus.BAD_REQUEST, "invalid tier")
        if tier > allowed:
            return _error(HTTPStatus.FORBIDDEN, "tier not allowed for this key")
        is_repacked = fault is Fault.STUCK_REPACKED
        body = self._build(tier, is_stuck=is_repacked or fault is Fault.STUCK, fault=fault)
        packed_at = int(self._clock.now().timestamp()) if is_repacked else 0
        packed = gzip.compress(break_body(body, fault), compresslevel=self._gzip_level, mtime=packed_at)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        if fault is Fault.NO_ENCODING_HEADER:
            del headers["Content-Encoding"]
        if fault is Fault.NOT_PACKED:
            return Sn8Response(HTTPStatus.OK, {"Content-Type": "application/json"}, body)
        delay = self.faults.delay_seconds if fault is Fault.SLOW else 0.0
        cut = len(packed) // 2 if fault is Fault.CUT_CONNECTION else None
        return Sn8Response(HTTPStatus.OK, headers, packed, delay, cut)

    def _build(self, tier: int, *, is_stuck: bool, fault: Fault | None) -> bytes:
        """The body as of the last rebuild, which happens every 60 s."""
        minute = math.floor(self._clock.now().timestamp() / REBUILD_SECONDS)
        kept = self._built.get(tier)
        if kept and (is_stuck or kept[0] == minute) and not (fault and fault.changes_miners):
            return kept[1]
        miners = self._world.positions(minute * REBUILD_SECONDS * 1000, tier)
        if fault and fault.changes_miners:
            return json.dumps(break_miners(miners, fault)).encode()
        body = self._encode(miners).encode()
        self._built[tier] = (minute, body)
        return body

    def _encode(self, miners: Mapping[str, Mapping[str, Any]]) -> str:
        """What `json.dumps` makes of them; the text of a closed position is made once, for it is nearly all of it."""
        rows = []
        for key, miner in miners.items():
            positions = ", ".join(map(self._text_of, miner["positions"]))
            rest = json.dumps({name: value for name, value in miner.items() if name != "positions"})
            rows.append(f'{json.dumps(key)}: {{"positions": [{positions}], {rest[1:]}')
        return f"{{{', '.join(rows)}}}"

    def _text_of(self, position: Mapping[str, Any]) -> str:
        if not position["is_closed_position"]:
            return json.dumps(position)
        uuid = position["position_uuid"]
        if uuid not in self._closed_texts:
            self._closed_texts[uuid] = json.dumps(position)
        return self._closed_texts[uuid]

    def _tier_of(self, request: Sn8Request) -> int | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and key in self._keys:
            return self._keys[key]
        if self._accepts_json_key and request.body:
            try:
                return self._keys.get(str(json.loads(request.body)["api_key"]))
            except (ValueError, KeyError, TypeError):
                return None
        return None


def _json(value: object) -> Sn8Response:
    return Sn8Response(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _error(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Sn8Response:
    body = json.dumps({"error": text}).encode()
    return Sn8Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


_REFUSALS = {
    Fault.SERVER_ERROR: _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error"),
    Fault.KEY_REFUSED: _error(HTTPStatus.UNAUTHORIZED, "Unauthorized access"),
    Fault.RATE_LIMITED: _error(HTTPStatus.FORBIDDEN, "rate limit exceeded", {"Retry-After": "60"}),
    Fault.NO_DATA: _error(HTTPStatus.NOT_FOUND, "Miner positions not found"),
}
