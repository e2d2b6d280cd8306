from pathlib import Path

from config.engine_settings import EngineSettings
from config.operator_files import operator_file, operator_files
from config.reference import format_reference, rows_of

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_the_reference_is_what_the_models_say() -> None:
    assert REFERENCE.read_text() == format_reference(), "run ./engine config reference > docs/configuration.md"


def test_every_setting_has_a_row_with_its_range_and_default() -> None:
    rows = {row.name: row for row in rows_of(operator_file("engine_config"))}

    assert {name.split(".")[0] for name in rows} == set(EngineSettings.model_fields)
    poll = rows["poll_seconds"]
    assert (poll.value, poll.default) == ("number from 0.05 to 60", "`0.5`")
    assert rows["risk.max_order_notional_usd"].value == "number above 0 to 1000000000000 or null"


def test_every_key_says_what_it_means() -> None:
    silent = [(file.name, row.name) for file in operator_files() for row in rows_of(file) if not row.meaning]
    assert silent == []
