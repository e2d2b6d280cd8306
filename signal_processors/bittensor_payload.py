"""The answer of `/miner-positions`, decoded as far as it is needed, a miner at a time.

The whole is first split into its miners without being understood; then every miner is checked on its own, with a pause
for the loop between slices. One bad miner is left out and counted; it never hides the others.
"""

import asyncio
import hashlib
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from core.model.failures import InvalidInput

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e14)]
Leverage = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]
Price = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
ReturnFactor = Annotated[float, msgspec.Meta(ge=0, le=1e6)]

BODY_LIMIT_BYTES = 256 << 20
LIVE_TIER = 100
_SLICE_BYTES = 1 << 20
_PACKED_SLICE_BYTES = 1 << 14
"""Gzip expands at most a thousandfold, so that one slice never unpacks to more than 16 MiB."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_TRAILER_BYTES = 8
_NOT_FINITE = re.compile(rb"(?<=[:,\[\s])-?(?:NaN|Infinity)(?=[,\]}\s])")
_MAXIMUM_LEVERAGE = 4
"""Where a trade pair `[id, name, fee, min_leverage, max_leverage]` holds its largest leverage."""


class Order(msgspec.Struct, frozen=True, gc=False):
    """One order of a position. `leverage` is signed; the leverage of a FLAT is 0 or minus the net leverage."""

    order_type: str
    leverage: Leverage
    price: Price
    processed_ms: Milliseconds
    quantity: float | None = None


class Position(msgspec.Struct, frozen=True, gc=False):
    """One position. Returns are factors, 1.0 is flat; `close_ms` is 0, null or missing while it is open."""

    position_uuid: str
    open_ms: Milliseconds
    trade_pair: list[str | float | None]
    is_closed_position: bool
    net_leverage: Leverage
    current_return: ReturnFactor
    return_at_close: ReturnFactor
    orders: list[Order]
    close_ms: Milliseconds | None = 0
    average_entry_price: Price = 0.0
    is_hl: bool = False
    account_size: float | None = None

    @property
    def pair(self) -> str:
        """The source's id of the traded pair, such as BTCUSD."""
        return str(self.trade_pair[0])

    @property
    def pair_maximum(self) -> float:
        """The pair's largest leverage as the payload states it, 0 where it does not."""
        stated = self.trade_pair[_MAXIMUM_LEVERAGE] if len(self.trade_pair) > _MAXIMUM_LEVERAGE else None
        return stated if isinstance(stated, float | int) and math.isfinite(stated) and stated > 0 else 0.0


class Miner(msgspec.Struct, frozen=True, gc=False):
    """One miner. Return fields are factors over closed positions; `tier` stands only in answers below tier 100."""

    thirty_day_returns: ReturnFactor
    all_time_returns: ReturnFactor
    positions: list[Position]
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """What one answer says about the mapped assets.

    Attributes:
        miners: Valid miners in the server's order, with their positions in the wanted pairs only.
        dropped: Miners that were left out, with the reason.
        tier: The lowest tier that a miner states, 100 where none does.
        unmapped: Pairs with open positions that nobody asked for, with their number, for people.
    """

    miners: Mapping[str, Miner]
    dropped: Mapping[str, str] = field(default_factory=dict)
    tier: int = LIVE_TIER
    unmapped: Mapping[str, int] = field(default_factory=dict)


def content_mark(body: bytes) -> bytes:
    """Tells whether two answers hold the same data: equal marks, equal data.

    Of gzip it is the checksum and size that stand at its end (RFC 1952), so that the same data packed anew, with
    another time or another effort, is known again without unpacking it.
    """
    if body.startswith(_GZIP_MAGIC):
        return body[-_GZIP_TRAILER_BYTES:]
    return hashlib.blake2b(body, digest_size=16).digest()


async def inflate(body: bytes) -> bytes:
    """Unpack a gzip body, recognised by its first bytes; anything else is returned as it is.

    Raises:
        InvalidInput: If it is damaged, cut, or larger than BODY_LIMIT_BYTES when unpacked.
    """
    if not body.startswith(_GZIP_MAGIC):
        return body
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    parts, size, rested_at = [], 0, 0
    try:
        for start in range(0, len(body), _PACKED_SLICE_BYTES):
            parts.append(unpacker.decompress(body[start : start + _PACKED_SLICE_BYTES]))
            size += len(parts[-1])
            if size > BODY_LIMIT_BYTES:
                raise InvalidInput(f"the answer unpacks to more than {BODY_LIMIT_BYTES >> 20} MiB")
            if size - rested_at > _SLICE_BYTES:
                rested_at = size
                await asyncio.sleep(0)
    except zlib.error as error:
        raise InvalidInput(f"the answer is damaged gzip: {error}") from error
    if not unpacker.eof:
        raise InvalidInput("the answer is cut: its gzip stream has no end")
    return b"".join(parts)


async def decode_payload(body: bytes, pairs: frozenset[str]) -> Payload:
    """Read the answer of `/miner-positions`.

    Args:
        body: Unpacked JSON.
        pairs: The source ids whose positions are wanted.

    Raises:
        InvalidInput: If it is not one whole JSON object with at least one miner.
    """
    raw_miners = _split(body)
    miners: dict[str, Miner] = {}
    dropped: dict[str, str] = {}
    unmapped: dict[str, int] = {}
    decoded_bytes = 0
    for hotkey, raw in raw_miners.items():
        try:
            miners[hotkey] = _select(_MINER.decode(raw), pairs, unmapped)
        except (msgspec.MsgspecError, InvalidInput, UnicodeDecodeError, RecursionError) as error:
            dropped[hotkey] = str(error)
        decoded_bytes += len(memoryview(raw))
        if decoded_bytes > _SLICE_BYTES:
            decoded_bytes = 0
            await asyncio.sleep(0)
    tier = min((miner.tier for miner in miners.values() if miner.tier is not None), default=LIVE_TIER)
    return Payload(miners, dropped, tier, unmapped)


_SPLITTER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MINER = msgspec.json.Decoder(Miner)


def _split(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        miners = _split_json(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the answer is not one whole JSON object of miners: {error}") from error
    if not miners:
        raise InvalidInput("the answer holds no miner at all")
    return miners


def _split_json(body: bytes) -> dict[str, msgspec.Raw]:
    """Split; NaN and infinities, which JSON does not know, become text, which no number field accepts."""
    try:
        return _SPLITTER.decode(body)
    except msgspec.MsgspecError:
        if not _NOT_FINITE.search(body):
            raise
        return _SPLITTER.decode(_NOT_FINITE.sub(b'"not finite"', body))


def _select(miner: Miner, pairs: frozenset[str], unmapped: dict[str, int]) -> Miner:
    wanted = []
    for position in miner.positions:
        if not position.trade_pair or not isinstance(position.trade_pair[0], str):
            raise InvalidInput(f"position {position.position_uuid}: trade_pair has no id")
        if position.trade_pair[0] in pairs:
            if not position.is_closed_position and position.pair_maximum == 0:
                raise InvalidInput(f"position {position.position_uuid}: trade_pair states no largest leverage")
            wanted.append(position)
        elif not position.is_closed_position:
            unmapped[position.pair] = unmapped.get(position.pair, 0) + 1
    return Miner(miner.thirty_day_returns, miner.all_time_returns, wanted, miner.tier)
