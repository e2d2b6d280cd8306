"""What SN8 says about miners beside their positions: eliminations, plagiarism, drawdowns, and who is registered at all.

None of it is needed: what cannot be read is kept as it was for an hour, also across a restart, and then done without,
and that is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from config.bittensor_settings import BittensorSettings
from config.files import write_atomically
from core.model.failures import InvalidInput, StorageFailure
from signal_processors.bittensor_client import NoAnswer, Session, Sn8Access, fetch
from signal_processors.bittensor_corrected import Standings
from signal_processors.bittensor_payload import inflate

REFRESH_SECONDS = 300.0
KEPT = timedelta(hours=1)
CHAIN_VERSION = 1
STANDINGS_VERSION = 1
PARTS: Mapping[str, Mapping[str, str]] = {"/eliminations": {}, "/statistics": {"checkpoints": "false"}}
"""What is asked for, with its query."""

_EquityFactor = Annotated[float, msgspec.Meta(ge=0, le=10)]


class _Elimination(msgspec.Struct):
    hotkey: str
    reason: str = ""


class _Eliminations(msgspec.Struct):
    eliminations: list[_Elimination]


class _ChallengePeriod(msgspec.Struct):
    status: str | None = None


class _Drawdowns(msgspec.Struct):
    instantaneous_max_drawdown: _EquityFactor | None = None
    daily_max_drawdown: _EquityFactor | None = None


class _Statistic(msgspec.Struct):
    hotkey: str
    challengeperiod: _ChallengePeriod | None = None
    drawdowns: _Drawdowns | None = None


class _Statistics(msgspec.Struct):
    data: list[_Statistic]


class RegisteredHotkeys(msgspec.Struct, forbid_unknown_fields=True):
    """`registered_hotkeys.json`, as bittensor_chain.py writes it."""

    version: int
    netuid: int
    read_at: datetime
    hotkeys: list[str]


class _StandingsFile(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    eliminated: dict[str, str]
    plagiarising: dict[str, str]
    drawdowns: dict[str, float]
    read_at: dict[str, datetime]


@dataclass(slots=True)
class StandingsReader:
    """Reads what the server says, each part on its own.

    Attributes:
        session: Shared with the poller.
        access: Server and key.
        path: Where it is kept across restarts; a file that cannot be read counts as absent.
    """

    session: Session
    access: Sn8Access
    path: Path
    _eliminated: Mapping[str, str] = field(default_factory=dict)
    _plagiarising: Mapping[str, str] = field(default_factory=dict)
    _drawdowns: Mapping[str, float] = field(default_factory=dict)
    _read_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            file = msgspec.json.decode(self.path.read_bytes(), type=_StandingsFile)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return
        if file.version == STANDINGS_VERSION:
            self._eliminated, self._plagiarising = file.eliminated, file.plagiarising
            self._drawdowns, self._read_at = file.drawdowns, file.read_at

    async def refresh(self, settings: BittensorSettings, now: datetime) -> list[str]:
        """Ask for everything once.

        Returns:
            What could not be read, in words.
        """
        problems = []
        for path, query in PARTS.items():
            problem = await self._refresh_part(path, query, settings, now)
            if problem:
                problems.append(f"{path}: {problem}")
        if len(problems) < len(PARTS):
            problems += self._keep()
        return problems

    def note(self, now: datetime) -> str:
        """What miners are ranked without, in words; empty while everything is known."""
        missing = [path for path in PARTS if not self._is_fresh(path, now)]
        return f"ranked without what the server says under {' and '.join(missing)}" if missing else ""

    def standings(self, now: datetime) -> Standings:
        """What is known and not older than an hour."""
        excluded: dict[str, str] = {}
        drawdowns: Mapping[str, float] = {}
        if self._is_fresh("/statistics", now):
            excluded.update(self._plagiarising)
            drawdowns = self._drawdowns
        if self._is_fresh("/eliminations", now):
            excluded.update(self._eliminated)
        return Standings(excluded, drawdowns)

    async def _refresh_part(
        self, path: str, query: Mapping[str, str], settings: BittensorSettings, now: datetime
    ) -> str:
        answer = await fetch(self.session, self.access, settings, path, query)
        if isinstance(answer, NoAnswer):
            return answer.reason
        try:
            self._understand(path, await inflate(answer.body))
        except (msgspec.MsgspecError, InvalidInput, UnicodeDecodeError) as error:
            return str(error)
        self._read_at[path] = now
        return ""

    def _keep(self) -> list[str]:
        file = _StandingsFile(
            version=STANDINGS_VERSION,
            eliminated=dict(self._eliminated),
            plagiarising=dict(self._plagiarising),
            drawdowns=dict(self._drawdowns),
            read_at=self._read_at,
        )
        try:
            write_atomically(self.path, msgspec.json.encode(file) + b"\n")
        except StorageFailure as error:
            return [f"not kept: {error}"]
        return []

    def _understand(self, path: str, body: bytes) -> None:
        if path == "/eliminations":
            entries = msgspec.json.decode(body, type=_Eliminations).eliminations
            self._eliminated = {entry.hotkey: f"eliminated: {entry.reason}" for entry in entries}
            return
        statistics = msgspec.json.decode(body, type=_Statistics).data
        self._plagiarising = {
            entry.hotkey: "plagiarism"
            for entry in statistics
            if entry.challengeperiod and (entry.challengeperiod.status or "").lower() == "plagiarism"
        }
        self._drawdowns = {entry.hotkey: _lowest(entry.drawdowns) for entry in statistics if entry.drawdowns}

    def _is_fresh(self, path: str, now: datetime) -> bool:
        read_at = self._read_at.get(path)
        return read_at is not None and timedelta() <= now - read_at <= KEPT


def read_registered(path: Path, now: datetime) -> tuple[frozenset[str], str]:
    """The registered hotkeys as last read from the chain, and why there are none.

    Args:
        path: `registered_hotkeys.json`.
        now: UTC time.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=RegisteredHotkeys)
    except FileNotFoundError:
        return frozenset(), "no chain data yet; run signal_processors/bittensor_chain.py"
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return frozenset(), f"chain data unreadable: {error}"
    if file.version != CHAIN_VERSION or not file.hotkeys:
        return frozenset(), "chain data unusable"
    if not timedelta() <= now - file.read_at <= KEPT:
        return frozenset(), f"chain data of {file.read_at:%Y-%m-%d %H:%M} UTC is not used"
    return frozenset(file.hotkeys), ""


def exclude_unregistered(standings: Standings, miners: frozenset[str], registered: frozenset[str]) -> Standings:
    """Leave out miners whose hotkey is not registered; synthetic hotkeys count by the part before the underscore.

    Where most of the miners would go, it is the list that is wrong, and it is not used.
    """
    missing = {hotkey for hotkey in miners if hotkey.partition("_")[0] not in registered}
    if not registered or len(missing) * 2 > len(miners):
        return standings
    excluded = {**standings.excluded, **dict.fromkeys(missing, "not registered on the subnet")}
    return Standings(excluded, standings.drawdowns)


def _lowest(drawdowns: _Drawdowns) -> float:
    stated = (drawdowns.instantaneous_max_drawdown, drawdowns.daily_max_drawdown)
    return min((value for value in stated if value is not None), default=1.0)
