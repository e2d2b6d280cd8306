"""The server's WebSocket: positions as they change, laid over the REST data until that has caught up.

The protocol (Vanta 8): send `{"api_key", "last_sequence"}`, receive a status, send `{"type": "subscribe", ...}`, then
every new order brings its whole position, alone or in a batch. Nothing is replayed after a gap, so that every
(re)connection asks REST first; the REST answer always stays the base.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec

from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_payload import Miner, Position

LONGEST_PAUSE_SECONDS = 60.0
PING_SECONDS = 30.0
MESSAGE_LIMIT_BYTES = 4 << 20
KEPT = timedelta(minutes=3)
"""A pushed position that REST does not show after so long is dropped: the server rebuilds every minute."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One position as the server pushed it."""

    hotkey: str
    position: Position
    received_at: datetime


class _Owner(msgspec.Struct):
    miner_hotkey: str


class _Data(msgspec.Struct):
    position: msgspec.Raw


class _Message(msgspec.Struct):
    type: str = ""
    status: str = ""
    data: _Data | None = None
    messages: list["_Message"] = []


def read_pushed(text: str | bytes, at: datetime) -> list[Pushed]:
    """The positions in one message; what is malformed is left out.

    Args:
        text: The message.
        at: UTC time of its receipt.
    """
    try:
        message = msgspec.json.decode(text, type=_Message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    pushed = []
    for part in (message, *message.messages):
        if part.data is None:
            continue
        try:
            owner = msgspec.json.decode(part.data.position, type=_Owner)
            position = msgspec.json.decode(part.data.position, type=Position)
        except msgspec.MsgspecError:
            continue
        if position.trade_pair and isinstance(position.trade_pair[0], str):
            pushed.append(Pushed(owner.miner_hotkey, position, at))
    return pushed


def lay_over(
    miners: Mapping[str, Miner], pushed: Iterable[Pushed], pairs: frozenset[str], now: datetime
) -> tuple[dict[str, Miner], dict[str, Pushed]]:
    """The miners with what was pushed since their data was built.

    Args:
        miners: From REST.
        pushed: The newest push of each position.
        pairs: The mapped source ids.
        now: UTC time.

    Returns:
        The miners, and those pushes that REST has not caught up with, by position uuid.
    """
    result = dict(miners)
    pending: dict[str, Pushed] = {}
    for item in pushed:
        miner = result.get(item.hotkey)
        if miner is None or item.position.pair not in pairs or not timedelta() <= now - item.received_at <= KEPT:
            continue
        uuid = item.position.position_uuid
        known = next((position for position in miner.positions if position.position_uuid == uuid), None)
        if known and len(known.orders) >= len(item.position.orders):
            continue
        others = [position for position in miner.positions if position is not known]
        result[item.hotkey] = msgspec.structs.replace(miner, positions=[*others, item.position])
        pending[uuid] = item
    return result, pending


class PositionStream:
    """Follows the WebSocket until cancelled.

    Args:
        session: aiohttp's.
        access: The key; the address is the settings' `stream_url`.
        clock: UTC time.
        telemetry: Is told when the connection comes and goes.
        take: Is given the positions of every message, and an empty list after every (re)connection.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        access: Sn8Access,
        clock: Clock,
        telemetry: Telemetry,
        take: Callable[[list[Pushed]], None],
    ) -> None:
        self._session = session
        self._access = access
        self._clock = clock
        self._telemetry = telemetry
        self._take = take

    async def follow(self, url: str) -> None:
        """Connect, listen, and connect again after pauses of 1 to 60 s.

        Args:
            url: ws:// or wss:// address.
        """
        pause = 1.0
        while True:
            try:
                pause = 1.0 if await self._listen(url) else pause
                why = "closed"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                why = type(error).__name__
            self._telemetry.tell("bittensor stream ended", why=why)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _listen(self, url: str) -> bool:
        """Whether the server accepted us before the connection ended."""
        async with self._session.ws_connect(
            url, heartbeat=PING_SECONDS, max_msg_size=MESSAGE_LIMIT_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=5)
        ) as socket:
            await socket.send_str(json.dumps({"api_key": self._access.api_key, "last_sequence": -1}))
            welcome = await socket.receive(timeout=PING_SECONDS)
            if not _is_success(welcome):
                return False
            sent_at = int(self._clock.now().timestamp() * 1000)
            await socket.send_str(json.dumps({"type": "subscribe", "all": True, "sender_timestamp": sent_at}))
            self._telemetry.tell("bittensor stream connected")
            self._take([])
            async for message in socket:
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    pushed = read_pushed(message.data, self._clock.now())
                    if pushed:
                        self._take(pushed)
            return True


def _is_success(message: aiohttp.WSMessage) -> bool:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return False
    try:
        content: Any = json.loads(message.data)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("status") == "success"
