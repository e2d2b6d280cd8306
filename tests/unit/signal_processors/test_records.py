import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.model.failures import StorageFailure
from signal_processors.day_files import DamagedLine, Record, day_file, read_records
from signal_processors.records import Commit, RecordInUse, RecordLog, frame_line

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = date(2026, 3, 1)


def sequences(folder: Path, after: int = 0) -> list[int]:
    return [item.sequence for item in read_records(folder, after) if isinstance(item, Record)]


def damages(folder: Path) -> list[tuple[int, str]]:
    return [(item.line, item.problem) for item in read_records(folder) if isinstance(item, DamagedLine)]


def day_names(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.jsonl")]


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """No longer than a write takes: the limit also holds for the file that this very run may be printed to."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)

    (first,) = await log.append(NOW, {"body": "one\nline \x00 é"})
    more = await log.append(NOW, {"body": "two"}, {"body": "three"})
    await log.close()

    assert list(read_records(tmp_path)) == [first, *more]
    assert [record.sequence for record in (first, *more)] == [1, 2, 3]
    assert first.content == {"body": "one\nline \x00 é"}
    assert day_file(tmp_path, TODAY).stat().st_mode & 0o777 == 0o600


async def test_the_sequence_goes_on_after_a_restart_and_never_below_what_the_caller_remembers(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    await log.append(NOW, {}, {})
    await log.close()

    log = RecordLog(tmp_path)
    (third,) = await log.append(NOW + timedelta(days=1), {})
    await log.close()
    log = RecordLog(tmp_path, floor=40)
    (last,) = await log.append(NOW + timedelta(days=1), {})
    await log.close()

    assert (third.sequence, last.sequence) == (3, 41)
    assert sequences(tmp_path) == [1, 2, 3, 41]
    assert sequences(tmp_path, after=2) == [3, 41]


async def test_records_that_wait_together_share_one_commit(tmp_path: Path) -> None:
    commits: list[Commit] = []
    gate = asyncio.Event()

    async def slow_disk(commit: Commit) -> None:
        commits.append(commit)
        await gate.wait()
        commit()

    log = RecordLog(tmp_path, slow_disk)
    appends = [asyncio.create_task(log.append(NOW, {"n": n})) for n in range(50)]
    await asyncio.sleep(0.01)
    assert not any(append.done() for append in appends)
    gate.set()
    await asyncio.gather(*appends)
    await log.close()

    assert len(commits) <= 2
    assert sequences(tmp_path) == list(range(1, 51))


async def test_a_record_is_in_the_file_before_append_returns(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    for n in range(1, 20):
        await log.append(NOW, {})
        assert sequences(tmp_path)[-1] == n
    await log.close()


async def test_a_torn_line_hides_neither_the_line_before_nor_the_next(tmp_path: Path) -> None:
    lines = [frame_line(Record(n, NOW, {"body": "x" * n})) for n in (1, 2)]
    whole = b"".join(lines)
    for cut in range(len(lines[0]), len(whole)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        day_file(folder, TODAY).write_bytes(whole[:cut])

        log = RecordLog(folder)
        await log.append(NOW, {"body": "after"})
        await log.close()

        read = list(read_records(folder))
        is_torn = cut not in (len(lines[0]), len(whole) - 1)
        assert [type(item) for item in read] == [
            Record,
            *([DamagedLine] if is_torn else []),
            *[Record] * (len(read) - 1 - is_torn),
        ]
        assert isinstance(read[-1], Record)
        assert read[-1].content == {"body": "after"}


async def test_an_altered_byte_costs_only_its_own_record(tmp_path: Path) -> None:
    lines = [frame_line(Record(n, NOW, {"depth": "0.058"})) for n in (1, 2, 3)]
    for position in range(len(lines[1]) - 1):
        altered = bytearray(lines[1])
        altered[position] ^= 0x01
        if altered[position] == ord("\n"):
            continue
        day_file(tmp_path, TODAY).write_bytes(lines[0] + bytes(altered) + lines[2])

        assert sequences(tmp_path) == [1, 3], position
        assert [line for line, _ in damages(tmp_path)] == [2]


async def test_a_full_disk_stores_nothing_says_so_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    await log.append(NOW, {"body": "a"})

    with no_room_beyond(400), pytest.raises(StorageFailure, match="cannot be written"):
        await log.append(NOW, {"body": "b" * 400})
    await log.append(NOW, {"body": "c"})
    await log.close()

    assert [item.content["body"] for item in read_records(tmp_path) if isinstance(item, Record)] == ["a", "c"]
    assert not damages(tmp_path)


async def test_a_failed_sync_ends_the_record_for_good(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    os.mkfifo(day_file(tmp_path, TODAY))  # a pipe takes writes and refuses to be synced

    with pytest.raises(StorageFailure, match="sync failed"):
        await log.append(NOW, {})
    day_file(tmp_path, TODAY).unlink()
    with pytest.raises(StorageFailure, match="sync failed"):
        await log.append(NOW, {})
    await log.close()

    assert log.failure
    assert sequences(tmp_path) == []


async def test_a_file_moved_away_under_the_writer_is_begun_anew(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    await log.append(NOW, {})
    day_file(tmp_path, TODAY).rename(tmp_path / "taken.jsonl")
    await log.append(NOW, {})
    await log.close()

    assert sequences(tmp_path) == [2]


async def test_a_clock_set_back_over_midnight_keeps_the_order(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    await log.append(NOW, {})
    await log.append(NOW - timedelta(days=2), {})
    await log.close()
    log = RecordLog(tmp_path)
    await log.append(NOW - timedelta(days=5), {})
    await log.close()

    assert sequences(tmp_path) == [1, 2, 3]
    assert day_names(tmp_path) == ["2026-03-01.jsonl"]


async def test_a_record_has_one_writer(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    with pytest.raises(RecordInUse, match="another process"):
        RecordLog(tmp_path)
    await log.close()

    await RecordLog(tmp_path).close()
