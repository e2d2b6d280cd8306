import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from core.model.events import OrderOutcomeUnknown, TargetConfirmed
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.ledger import OrderPhase
from core.model.money import ZERO
from operations.journal_file import MIGRATIONS, open_journal, read_only

JOURNALS = Path(__file__).parent / "journals"
EPOCH = "00112233445566778899aabbccddeeff"
ACCOUNT = AccountId("bybit", "main")
SCHEMAS = sorted(int(script.name[:4]) for script in MIGRATIONS.glob("[0-9]*.sql"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    connection = apsw.Connection(str(path))
    connection.execute((JOURNALS / "schema_0001.sql").read_text())
    connection.close()
    return path


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """The real migrations, and room for one more."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for script in MIGRATIONS.glob("[0-9]*.sql"):
        (folder / script.name).write_text(script.read_text())
    return folder


def test_the_numbers_have_no_gap() -> None:
    assert list(range(1, len(SCHEMAS) + 1)) == SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_journal_of_every_schema_opens_with_all_it_held(schema: int, tmp_path: Path) -> None:
    fixture = JOURNALS / f"schema_{schema:04}.sql"
    assert fixture.exists(), f"a new schema needs {fixture.name}: the `.dump` of a journal with events of that schema"
    path = tmp_path / "journal.sqlite"
    connection = apsw.Connection(str(path))
    connection.execute(fixture.read_text())
    connection.close()

    upgraded = open_journal(path, "ff" * 16)

    bitcoin = upgraded.ledger(ACCOUNT, Symbol("BTCUSDT"))
    ether = upgraded.ledger(ACCOUNT, Symbol("ETHUSDT"))
    assert upgraded.epoch == EPOCH
    assert str(bitcoin.owned) == "0.029"
    assert bitcoin.is_confirmed
    assert [order.phase for order in ether.unsettled] == [OrderPhase.UNKNOWN]
    assert str(ether.unsettled[0].intent.quantity) == "0.123456789012345678"
    assert upgraded.last_frames()[SourceName("tradingview")].sequence == 7
    assert isinstance(upgraded.history(ACCOUNT, Symbol("BTCUSDT"))[-1], TargetConfirmed)
    assert isinstance(upgraded.history(ACCOUNT, Symbol("ETHUSDT"))[-1], OrderOutcomeUnknown)
    if schema >= 2:
        assert upgraded.last_command() == 4
        assert len(upgraded.standings().by_scope) == 1
    assert ether.owned == ZERO
    upgraded.close()
    assert version_and_tables(path)[0] == SCHEMAS[-1]


def test_an_older_journal_is_not_upgraded_by_looking_at_it(journal: Path) -> None:
    with pytest.raises(StorageFailure, match="start the engine once"), read_only(journal):
        pass

    assert version_and_tables(journal)[0] == 1
    open_journal(journal, EPOCH).close()
    with read_only(journal) as reader:
        assert len(reader.ledgers(ACCOUNT)) == 2


def test_a_migration_that_fails_half_way_leaves_the_file_as_it_was(journal: Path, migrations: Path) -> None:
    before = version_and_tables(journal)
    (migrations / "9999_broken.sql").write_text("CREATE TABLE half (x) STRICT; INSERT INTO nowhere VALUES (1);")

    with pytest.raises(StorageFailure, match="cannot be opened"):
        open_journal(journal, EPOCH, migrations=migrations)

    assert version_and_tables(journal) == before
    open_journal(journal, EPOCH).close()


@pytest.mark.process
def test_a_kill_in_mid_migration_leaves_the_file_as_it_was(journal: Path, migrations: Path) -> None:
    before = version_and_tables(journal)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n;"
    (migrations / "9999_endless.sql").write_text(f"CREATE TABLE half (x TEXT); {endless}")
    script = (
        "import sys; from pathlib import Path; from operations.journal_file import open_journal\n"
        f"open_journal(Path(sys.argv[1]), '{EPOCH}', migrations=Path(sys.argv[2]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(journal), str(migrations)]) as upgrade:  # noqa: S603 - our own code
        wait_until_locked(journal)
        upgrade.send_signal(signal.SIGKILL)
        upgrade.wait()

    assert version_and_tables(journal) == before
    upgraded = open_journal(journal, EPOCH)
    assert len(upgraded.ledgers(ACCOUNT)) == 2
    upgraded.close()


def test_a_script_once_released_is_described_by_its_name() -> None:
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", script.name) for script in MIGRATIONS.iterdir())


def version_and_tables(path: Path) -> tuple[int, list[str]]:
    connection = apsw.Connection(str(path))
    version = int(str(connection.pragma("user_version")))
    tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
    connection.close()
    return version, tables


def wait_until_locked(path: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        connection = apsw.Connection(str(path))
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except apsw.BusyError:
            return
        finally:
            connection.close()
        time.sleep(0.02)  # noqa: TID251 - without a pause the looks themselves could hold the upgrade off
    raise AssertionError("the upgrade never began")
