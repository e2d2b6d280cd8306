import gzip
import json
import tarfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.backup import app as backup_app
from commands.restore import app as restore_app
from config.files import write_atomically
from config.home import Home
from core.model.events import OrderIntended, OrderSettled
from core.model.failures import InvalidInput
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.standing import Scope, Verb
from operations.backup import make_backup, restore_backup
from operations.command_files import CommandFiles, give_command
from operations.engine_lock import AlreadyRunning, EngineLock
from operations.journal_file import JournalFile, open_journal, read_only
from simulation.bare_world import ToldFacts

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
EPOCH, NEW_EPOCH = "00" * 16, "aa" * 16
WEIGHTS = b'[{"symbol": "BTCUSDT", "leverage": 3, "sources": []}]'


async def trade(journal: JournalFile, name: str) -> None:
    order_id = ClientOrderId(name)
    intent = OrderIntent(
        order_id, ACCOUNT, BTC, Side.BUY, Decimal("0.1"), False, MarginMode.ISOLATED, Decimal(3), decision=1
    )
    await journal.record(OrderIntended(ACCOUNT, BTC, NOW, intent))
    await journal.record(OrderSettled(ACCOUNT, BTC, NOW, order_id, Decimal("0.1"), Decimal(60000)))


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    write_atomically(home.signal_weights, WEIGHTS)
    write_atomically(home.credentials, b"{}", 0o600)
    write_atomically(home.consents, b"{}")
    write_atomically(home.environment_file, b"TRADE_ENGINE_KEY=never\n")
    write_atomically(home.path / "logs" / "trade-engine.jsonl", b"{}\n")
    write_atomically(home.raw_signals("tradingview") / "2026-01-01.jsonl", b'{"a":1}\n{"b":2}\n{"torn')
    write_atomically(home.depths("tradingview"), b"{}")
    journal = open_journal(home.journal, EPOCH)
    await trade(journal, "first")
    journal.close()
    return home


def owned(home: Home) -> Decimal:
    with read_only(home.journal) as journal:
        return journal.ledger(ACCOUNT, BTC).owned


async def test_a_backup_made_under_a_writing_engine_brings_back_what_it_held(home: Home, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    journal = open_journal(home.journal, EPOCH)
    with EngineLock(home.engine_lock):
        await trade(journal, "second")
        make_backup(home, archive, NOW)
        await trade(journal, "third")
    journal.close()
    write_atomically(home.signal_weights, b"[]")

    done = restore_backup(home, archive, NOW, NEW_EPOCH, "me", is_rehearsal=False)

    assert home.signal_weights.read_bytes() == WEIGHTS
    assert owned(home) == Decimal("0.2")
    assert archive.stat().st_mode & 0o777 == 0o600
    assert home.credentials.stat().st_mode & 0o777 == 0o600
    assert (done.aside / "signal_weight_config.json").read_bytes() == b"[]"
    with read_only(home.journal) as restored:
        assert restored.epoch == NEW_EPOCH
        assert not restored.ledger(ACCOUNT, BTC).ever_traded


async def test_on_another_machine_the_records_come_back_as_whole_lines(home: Home, tmp_path: Path) -> None:
    make_backup(home, tmp_path / "backup.tar.gz", NOW)
    other = Home(tmp_path / "other")

    restore_backup(other, tmp_path / "backup.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=False)

    assert (other.raw_signals("tradingview") / "2026-01-01.jsonl").read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert other.depths("tradingview").exists()
    assert owned(other) == Decimal("0.1")
    for left_out in (other.consents, other.environment_file, other.logs):
        assert not left_out.exists()


async def test_records_that_are_still_there_are_newer_and_stay(home: Home, tmp_path: Path) -> None:
    make_backup(home, tmp_path / "backup.tar.gz", NOW)
    record = home.raw_signals("tradingview") / "2026-01-01.jsonl"
    write_atomically(record, b'{"a":1}\n{"b":2}\n{"c":3}\n')

    done = restore_backup(home, tmp_path / "backup.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=False)

    assert record.read_bytes().count(b"\n") == 3
    assert "raw_signals/tradingview/2026-01-01.jsonl" in done.kept


async def test_after_a_restore_nothing_grows_until_a_person_looked_and_older_commands_are_gone(
    home: Home, tmp_path: Path
) -> None:
    make_backup(home, tmp_path / "backup.tar.gz", NOW)
    give_command(home.operator_commands, Verb.ADOPT, Scope(ACCOUNT, BTC), "me", NOW, "", 0)

    restore_backup(home, tmp_path / "backup.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=False)

    (command,) = CommandFiles(home.operator_commands, ToldFacts()).pending(0)
    assert (command.verb, command.scope) == (Verb.REDUCE_ONLY, Scope())


async def test_a_rehearsal_changes_nothing(home: Home, tmp_path: Path) -> None:
    make_backup(home, tmp_path / "backup.tar.gz", NOW)
    write_atomically(home.signal_weights, b"[]")
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.engine_lock}

    done = restore_backup(home, tmp_path / "backup.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=True)

    assert "signal_weight_config.json" in done.files
    after = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.engine_lock}
    assert after == before


async def test_a_running_engine_is_not_restored_under(home: Home, tmp_path: Path) -> None:
    make_backup(home, tmp_path / "backup.tar.gz", NOW)

    with EngineLock(home.engine_lock), pytest.raises(AlreadyRunning):
        restore_backup(home, tmp_path / "backup.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=False)


async def test_an_altered_cut_or_strange_archive_is_refused_before_anything_changes(home: Home, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    make_backup(home, archive, NOW)
    plain = gzip.decompress(archive.read_bytes())
    broken = {
        "altered": gzip.compress(plain.replace(b'"leverage": 3', b'"leverage": 9')),
        "cut": archive.read_bytes()[:-200],
        "no archive": b"hello",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput):
            restore_backup(home, tmp_path / name, NOW, NEW_EPOCH, "me", is_rehearsal=False)
    assert owned(home) == Decimal("0.1")
    assert not list(home.state.glob("before_restore*"))


@pytest.mark.parametrize("name", ["../outside", "engine", "state/consents.json"])
def test_a_file_that_is_no_part_of_a_backup_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    manifest = {"format": 1, "made_at": "", "files": {name: {"size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5"}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(tmp_path / "made.tar.gz", "w:gz") as made:
        made.add(tmp_path / "file", name)
        made.add(tmp_path / "manifest.json", "manifest.json")

    with pytest.raises(InvalidInput):
        restore_backup(Home(tmp_path / "home"), tmp_path / "made.tar.gz", NOW, NEW_EPOCH, "me", is_rehearsal=False)
    assert not (tmp_path / "outside").exists()


async def test_the_commands_make_and_bring_back_and_tell_by_exit_code(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADE_ENGINE_HOME", str(home.path))
    archive = tmp_path / "backup.tar.gz"

    made = CliRunner().invoke(backup_app, [str(archive), "--json"])
    assert made.exit_code == 0, made.output
    assert "state/journal.sqlite" in json.loads(made.stdout)["files"]
    assert CliRunner().invoke(backup_app, [str(archive)]).exit_code == 2

    assert CliRunner().invoke(restore_app, [str(archive)], input="n\n").exit_code == 1
    done = CliRunner().invoke(restore_app, [str(archive), "--yes", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["restored"] is True
    with EngineLock(home.engine_lock):
        assert CliRunner().invoke(restore_app, [str(archive), "--yes"]).exit_code == 78
    assert CliRunner().invoke(restore_app, [str(tmp_path / "absent"), "--yes"]).exit_code == 2
