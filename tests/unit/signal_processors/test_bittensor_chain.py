import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from signal_processors.bittensor_chain import SDK_REMEDY, ChainUnreadable, SdkRegistrations, refresh
from signal_processors.bittensor_standings import read_registered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HAS_SDK = importlib.util.find_spec("bittensor") is not None


class FixedClock:
    def now(self) -> datetime:
        return NOW


class ListedHotkeys:
    """Registrations that are simply given."""

    def __init__(self, *hotkeys: str) -> None:
        self.hotkeys = frozenset(hotkeys)

    async def read_hotkeys(self, netuid: int) -> frozenset[str]:
        assert netuid == 8
        return self.hotkeys


class MemorySubstrate:
    """The part of the SDK's Substrate contract that one storage map needs."""

    def __init__(self, rows: list[tuple[int, str]]) -> None:
        self._rows = rows
        self.asked: list[tuple[str, str, Any]] = []

    async def connect(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to close."""

    async def query_map(
        self, module: str, storage_function: str, params: list[int] | None = None, block_hash: str | None = None
    ) -> list[tuple[Any, Any]]:
        assert block_hash is None
        self.asked.append((module, storage_function, params))
        return list(self._rows) if storage_function == "Keys" else []


async def test_the_poller_reads_what_the_chain_said(tmp_path: Path) -> None:
    path = tmp_path / "raw_signals" / "registered_hotkeys.json"

    assert await refresh(ListedHotkeys("5b", "5a"), path, FixedClock()) == 2
    assert read_registered(path, NOW) == (frozenset({"5a", "5b"}), "")


async def test_a_chain_that_shows_nobody_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "registered_hotkeys.json"
    await refresh(ListedHotkeys("5a"), path, FixedClock())

    with pytest.raises(ChainUnreadable):
        await refresh(ListedHotkeys(), path, FixedClock())
    assert json.loads(path.read_bytes())["hotkeys"] == ["5a"]


@pytest.mark.skipif(HAS_SDK, reason="the bittensor SDK is installed")
async def test_without_the_sdk_the_remedy_is_named() -> None:
    with pytest.raises(ChainUnreadable, match="bittensor"):
        await SdkRegistrations().read_hotkeys(8)
    assert "pip install" in SDK_REMEDY


@pytest.mark.skipif(not HAS_SDK, reason='needs the SDK: pip install -e ".[bittensor]"')
async def test_the_sdk_reads_the_keys_of_the_subnet_from_any_substrate() -> None:
    substrate = MemorySubstrate([(0, "5a"), (1, "5b")])

    assert await SdkRegistrations(substrate=substrate).read_hotkeys(8) == {"5a", "5b"}
    assert ("SubtensorModule", "Keys", [8]) in substrate.asked
