"""What the poller remembers across restarts: `raw_signals/bittensor/poller_state.json`, replaced atomically.

A file that cannot be read counts as absent: the guard then starts anew, and the depths come from the frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from config.files import write_atomically
from core.model.signal import SourceSignal
from signal_processors.bittensor_guard import GuardMemory, Sample
from signal_processors.bittensor_mapping import SOURCE

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Holding:
    """What one miner's position adds to a published depth, signed."""

    pair: str
    hotkey: str
    share: float


@dataclass(frozen=True, slots=True)
class PollerState:
    """Everything that one accepted answer leaves behind.

    Attributes:
        signals: The accepted depths by source id, before any policy by age.
        fetched_at: When the last believed answer came, None before the first.
        order: The ranked miners, best first.
        holdings: What made the depths, by position uuid.
        guard: The guard's memory.
        nobody_since: Since when no miner qualifies, None while some do.
    """

    signals: Mapping[str, SourceSignal] = field(default_factory=dict)
    fetched_at: datetime | None = None
    order: Sequence[str] = ()
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    guard: GuardMemory = field(default_factory=GuardMemory)
    nobody_since: datetime | None = None


class _Signal(msgspec.Struct):
    depth: str
    at: datetime
    price: str | None
    record_id: str


class _Sample(msgspec.Struct):
    at: datetime
    hotkeys: list[int]


class _StateFile(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    signals: dict[str, _Signal]
    fetched_at: datetime | None
    order: list[str]
    holdings: dict[str, Holding]
    hotkeys: list[str]
    samples: list[_Sample]
    candidate: list[int]
    candidate_polls: int
    fall_polls: int
    nobody_since: datetime | None


def read_state(path: Path) -> PollerState | None:
    """The remembered state; None when there is none that can be read."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_StateFile)
        return _from_file(file) if file.version == STATE_VERSION else None
    except (OSError, msgspec.MsgspecError, ValueError, ArithmeticError, IndexError):
        return None


def write_state(path: Path, state: PollerState) -> None:
    """Replace the file.

    Raises:
        StorageFailure: If it cannot be written; the old file is then still in place.
    """
    hotkeys = sorted({hotkey for sample in state.guard.samples for hotkey in sample.hotkeys} | state.guard.candidate)
    index = {hotkey: number for number, hotkey in enumerate(hotkeys)}
    file = _StateFile(
        version=STATE_VERSION,
        signals={
            pair: _Signal(str(signal.depth), signal.at, str(signal.price) if signal.price else None, signal.record_id)
            for pair, signal in state.signals.items()
        },
        fetched_at=state.fetched_at,
        order=list(state.order),
        holdings=dict(state.holdings),
        hotkeys=hotkeys,
        samples=[_Sample(sample.at, sorted(index[key] for key in sample.hotkeys)) for sample in state.guard.samples],
        candidate=sorted(index[key] for key in state.guard.candidate),
        candidate_polls=state.guard.candidate_polls,
        fall_polls=state.guard.fall_polls,
        nobody_since=state.nobody_since,
    )
    write_atomically(path, msgspec.json.encode(file) + b"\n")


def _from_file(file: _StateFile) -> PollerState:
    samples = tuple(
        Sample(sample.at, frozenset(file.hotkeys[number] for number in sample.hotkeys)) for sample in file.samples
    )
    candidate = frozenset(file.hotkeys[number] for number in file.candidate)
    return PollerState(
        signals={pair: _signal(pair, signal) for pair, signal in file.signals.items()},
        fetched_at=file.fetched_at,
        order=tuple(file.order),
        holdings=file.holdings,
        guard=GuardMemory(samples, candidate, file.candidate_polls, file.fall_polls),
        nobody_since=file.nobody_since,
    )


def _signal(pair: str, signal: _Signal) -> SourceSignal:
    price = Decimal(signal.price) if signal.price else None
    return SourceSignal(SOURCE, pair, Decimal(signal.depth), signal.at, price=price, record_id=signal.record_id)
