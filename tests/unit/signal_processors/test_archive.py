import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.model.failures import StorageFailure
from signal_processors.day_files import Record, archive_old_days, day_file, read_records
from signal_processors.records import RecordLog

DAY_ONE = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def six_days(tmp_path: Path) -> Path:
    log = RecordLog(tmp_path)
    for days in range(6):
        await log.append(DAY_ONE + timedelta(days=days), {"day": days})
    await log.close()
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def read_days(folder: Path) -> list[int]:
    return [item.content["day"] for item in read_records(folder) if isinstance(item, Record)]


def test_day_files_older_than_three_days_are_zipped_beside_the_record(six_days: Path) -> None:
    original = day_file(six_days, date(2026, 3, 1)).read_bytes()

    archive_old_days(six_days, date(2026, 3, 6))

    assert names(six_days) == [
        "2026-03-01.jsonl.zip",
        "2026-03-02.jsonl.zip",
        "2026-03-03.jsonl",
        "2026-03-04.jsonl",
        "2026-03-05.jsonl",
        "2026-03-06.jsonl",
    ]
    with zipfile.ZipFile(six_days / "2026-03-01.jsonl.zip") as archive:
        assert archive.read("2026-03-01.jsonl") == original


def test_archived_records_are_still_read(six_days: Path) -> None:
    archive_old_days(six_days, date(2026, 3, 20))

    assert read_days(six_days) == [0, 1, 2, 3, 4, 5]


def test_the_newest_day_stays_open_however_old(six_days: Path) -> None:
    archive_old_days(six_days, date(2027, 3, 20))

    assert names(six_days)[-1] == "2026-03-06.jsonl"


def test_archiving_again_changes_nothing(six_days: Path) -> None:
    first = archive_old_days(six_days, date(2026, 3, 6))

    assert len(first) == 2
    assert archive_old_days(six_days, date(2026, 3, 6)) == []


def test_a_crash_between_archive_and_removal_loses_nothing(six_days: Path) -> None:
    plain = day_file(six_days, date(2026, 3, 1))
    content = plain.read_bytes()
    archive_old_days(six_days, date(2026, 3, 6))
    plain.write_bytes(content)
    (six_days / ".2026-03-02.jsonl.tmp.zip").write_bytes(b"half an archive")

    assert read_days(six_days) == [0, 1, 2, 3, 4, 5]
    archive_old_days(six_days, date(2026, 3, 6))

    assert not plain.exists()
    assert read_days(six_days) == [0, 1, 2, 3, 4, 5]


def test_an_archive_that_differs_is_never_overwritten(six_days: Path) -> None:
    archive = six_days / "2026-03-01.jsonl.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("2026-03-01.jsonl", "something else")
    before = archive.read_bytes()

    with pytest.raises(StorageFailure, match="differs"):
        archive_old_days(six_days, date(2026, 3, 6))

    assert archive.read_bytes() == before
    assert day_file(six_days, date(2026, 3, 1)).exists()
