import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.applied_versions import AppliedVersions
from config.dialog import FileDraft
from config.engine_settings_file import EngineSettingsFile
from config.files import format_json, write_atomically
from config.history import BY_HAND, ConfigHistory
from config.home import Home
from config.operator_files import operator_file
from config.overrides import Overrides
from config.trading_files import TradingFiles
from config.undo import apply_undo, plan_undo
from core.model.failures import InvalidConfig, InvalidInput


def weights(leverage: int) -> bytes:
    return format_json([{"symbol": "BTCUSDT", "leverage": leverage, "sources": []}])


def edit(home: Home, leverage: int) -> None:
    home.signal_weights.write_bytes(weights(leverage))


def undo(home: Home) -> None:
    apply_undo(home, plan_undo(home, operator_file(home.signal_weights.name)))


def by_script(home: Home, leverage: int) -> None:
    draft = FileDraft(home.signal_weights)
    draft.load(operator_file("signal").check, None)
    draft.save(weights(leverage))


def told(home: Home) -> list[tuple[int, str, str]]:
    return [(version.number, version.file, version.author) for version in ConfigHistory(home).versions()]


def test_what_comes_into_force_is_kept_once_with_its_author(
    trading_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/config/signal_weights.py"])
    files = TradingFiles(trading_home, AppliedVersions(trading_home).trading)
    mapping, weight_file = trading_home.asset_mapping.name, trading_home.signal_weights.name
    for _look in range(3):
        files.load()
    by_script(trading_home, 5)
    files.load()
    edit(trading_home, 6)
    files.load()
    trading_home.signal_weights.write_bytes(b"[{")
    files.load()

    assert told(trading_home) == [
        (1, mapping, BY_HAND),
        (2, weight_file, BY_HAND),
        (3, weight_file, "signal_weights.py"),
        (4, weight_file, BY_HAND),
    ]


def test_settings_are_kept_as_well(home: Home) -> None:
    home.engine_settings.write_text('{"poll_seconds": 2}')
    EngineSettingsFile(home, Overrides({}, {}), AppliedVersions(home).settings).load()

    (version,) = ConfigHistory(home).versions()
    assert json.loads(version.content) == {"poll_seconds": 2}


def test_a_script_keeps_what_it_replaces(home: Home) -> None:
    edit(home, 1)
    by_script(home, 2)
    undo(home)

    assert home.signal_weights.read_bytes() == weights(1)


def test_a_service_that_sees_a_scripts_file_before_the_history_does_takes_nothing_from_it(
    trading_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = TradingFiles(trading_home, AppliedVersions(trading_home).trading)
    write = write_atomically

    def write_and_be_seen(path: Path, content: bytes, mode: int) -> None:
        write(path, content, mode)
        files.load()

    monkeypatch.setattr("config.dialog.write_atomically", write_and_be_seen)
    monkeypatch.setattr("sys.argv", ["signal_weights.py"])
    edit(trading_home, 1)
    by_script(trading_home, 2)
    assert [(author, number) for number, _, author in told(trading_home)][-2:] == [
        (BY_HAND, 2),
        ("signal_weights.py", 3),
    ]

    monkeypatch.setattr("config.undo.write_atomically", lambda path, content: write_and_be_seen(path, content, 0o644))
    undo(trading_home)
    assert trading_home.signal_weights.read_bytes() == weights(1)
    assert told(trading_home)[-1][2] == "config undo"
    with pytest.raises(InvalidInput, match="no earlier version"):
        undo(trading_home)


def test_undoing_a_broken_edit_leaves_the_author_of_what_is_in_force(home: Home) -> None:
    edit(home, 1)
    ConfigHistory(home).record(home.signal_weights, weights(1), BY_HAND)
    home.signal_weights.write_bytes(b"[{ half")
    undo(home)

    assert told(home) == [(1, home.signal_weights.name, BY_HAND)]


def test_one_content_recorded_by_several_at_once_is_one_version(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ConfigHistory(home).record(home.signal_weights, weights(1), BY_HAND), range(20)))

    assert [version.number for version in ConfigHistory(home).versions()] == [1]


def test_undo_goes_back_step_by_step_and_a_new_edit_starts_from_there(home: Home) -> None:
    for leverage in (1, 2, 3):
        by_script(home, leverage)
    undo(home)
    assert home.signal_weights.read_bytes() == weights(2)
    undo(home)
    assert home.signal_weights.read_bytes() == weights(1)
    with pytest.raises(InvalidInput, match="no earlier version"):
        undo(home)

    edit(home, 9)
    undo(home)
    assert home.signal_weights.read_bytes() == weights(1)


def test_an_edit_by_hand_that_no_engine_has_seen_is_undone_and_can_be_had_again(home: Home) -> None:
    by_script(home, 1)
    edit(home, 7)
    undo(home)
    assert home.signal_weights.read_bytes() == weights(1)

    seven = next(version for version in ConfigHistory(home).versions() if version.content.encode() == weights(7))
    apply_undo(home, plan_undo(home, operator_file("signal"), seven.number))
    assert home.signal_weights.read_bytes() == weights(7)


def test_a_broken_edit_is_undone_to_what_is_in_force_and_kept_beside(home: Home) -> None:
    by_script(home, 1)
    by_script(home, 2)
    home.signal_weights.write_bytes(b"[{ half")

    copy = apply_undo(home, plan_undo(home))

    assert home.signal_weights.read_bytes() == weights(2)
    assert copy is not None
    assert copy.read_bytes() == b"[{ half"


def test_a_deleted_file_comes_back(home: Home) -> None:
    by_script(home, 1)
    home.signal_weights.unlink()

    undo(home)

    assert home.signal_weights.read_bytes() == weights(1)


def test_a_running_engine_takes_an_undo_up_and_keeps_its_author(trading_home: Home) -> None:
    files = TradingFiles(trading_home, AppliedVersions(trading_home).trading)
    before = files.load()
    edit(trading_home, 9)
    files.load()

    undo(trading_home)

    assert files.load() == before
    assert told(trading_home)[-1][2] == "config undo"


def test_the_difference_is_shown_before_anything_is_written(home: Home) -> None:
    by_script(home, 1)
    by_script(home, 2)

    planned = plan_undo(home)

    assert '-        "leverage": 2' in planned.difference
    assert '+        "leverage": 1' in planned.difference
    assert home.signal_weights.read_bytes() == weights(2)


def test_an_undo_of_a_file_that_changed_meanwhile_writes_nothing(home: Home) -> None:
    by_script(home, 1)
    by_script(home, 2)
    planned = plan_undo(home)
    edit(home, 3)

    with pytest.raises(InvalidInput, match="changed meanwhile"):
        apply_undo(home, planned)
    assert home.signal_weights.read_bytes() == weights(3)


def test_files_with_secrets_have_no_versions(home: Home) -> None:
    with pytest.raises(InvalidInput, match="secrets"):
        plan_undo(home, operator_file("credentials"))


def test_a_version_that_is_not_valid_any_more_is_not_brought_back(home: Home) -> None:
    ConfigHistory(home).record(home.signal_weights, b'[{"symbol": "x"}]', BY_HAND)

    with pytest.raises(InvalidConfig, match="version 1"):
        undo(home)


def test_numbers_stay_apart_when_several_write_at_once(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ConfigHistory(home).record(Path(f"f{number}"), b"{}", BY_HAND), range(20)))

    assert [version.number for version in ConfigHistory(home).versions()] == list(range(1, 21))


def test_a_full_disk_stops_no_configuration(trading_home: Home) -> None:
    trading_home.state.write_text("no folder can be made here")
    applied = AppliedVersions(trading_home)

    config = TradingFiles(trading_home, applied.trading).load()
    by_script(trading_home, 4)

    assert config.weights
    assert "config_history" in applied.problem
    assert trading_home.signal_weights.read_bytes() == weights(4)


def test_a_torn_version_hides_no_other(home: Home) -> None:
    by_script(home, 1)
    (home.config_history / "0000000009.json").write_text("{")
    by_script(home, 2)

    assert [version.number for version in ConfigHistory(home).versions()] == [1, 10]
