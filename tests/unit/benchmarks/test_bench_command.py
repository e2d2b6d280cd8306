"""`./engine bench`: every part in its tiny size, the command, and the page that it keeps."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.evidence import keep_evidence, measured_now, render
from benchmarks.suite import PARTS, QUICK, narrowed, rounds_of
from commands.bench import app

NUMBERS = ("per_second", "median_milliseconds", "p99_milliseconds")
TABLES = {
    "memory": ["memory"],
    "orders": ["orders"],
    "limits": ["limits"],
    "sequential": ["sequential"],
    "hung": ["hung"],
    "start": ["start"],
    "calls": ["calls", "idle"],
    "cpu": ["cpu", "paper exchanges"],
    "webhook": ["webhook", "webhook ratios"],
    "sn8": ["sn8"],
}


@pytest.mark.process
@pytest.mark.parametrize("part", sorted(TABLES))
def test_every_part_runs_in_its_tiny_size(part: str) -> None:
    told: list[str] = []

    tables = PARTS[part](QUICK, told.append)

    assert list(tables) == TABLES[part]
    assert all(rows and all(rows) for rows in tables.values())
    assert told
    if part == "orders":
        assert [row["action"] for row in tables[part]] == ["open", "resize", "flip", "close", "no-op"]
        assert all(row["calls"] <= 1.2 and not row["rate_refusals"] for row in tables[part])
    if part == "limits":
        assert not any(row["rate_refusals"] or row["other_refusals"] for row in tables[part])
    if part == "sequential":
        assert tables[part][0]["saved"] > 0
    if part == "webhook":
        assert all(set(row) == {"what", *NUMBERS} for row in tables["webhook ratios"])


def test_the_command_shows_a_part_as_json_and_keeps_it(tmp_path: Path) -> None:
    page = tmp_path / "bench.md"

    asked = ["--part", "calls", "--quick", "--rounds", "3", "--json", "--evidence", str(page)]
    done = CliRunner().invoke(app, asked)

    assert done.exit_code == 0, done.output
    results = json.loads(done.stdout)
    assert {row["exchange"]: row["calls"] for row in results["idle"]} == dict.fromkeys(
        ("bybit", "blofin", "kucoin", "mexc"), 30
    )
    kept = json.loads(page.with_suffix(".json").read_text())["calls"]
    assert kept["rows"] == results["calls"]
    assert kept["rounds"] == 1  # Counted once, whatever is asked of other parts.
    assert "## Calls" in page.read_text()


def test_the_rounds_that_are_asked_for_are_those_of_the_parts_that_have_rounds() -> None:
    size = narrowed(QUICK, None, None, 7)

    assert {part for part in PARTS if rounds_of(part, size) == 7} == {"orders", "hung", "start", "memory", "webhook"}
    assert {rounds_of(part, size) for part in PARTS} == {1, 7}


def test_the_command_knows_its_parts_and_wants_a_page() -> None:
    assert sorted(PARTS) == sorted(TABLES)
    assert CliRunner().invoke(app, ["--part", "nonsense"]).exit_code == 2
    assert CliRunner().invoke(app, ["--quick", "--evidence", "bench.txt"]).exit_code == 2


def row(**told: object) -> dict[str, object]:
    return {
        "scale": "4 x 20",
        "delay_ms": 50,
        "action": "open",
        "last_ratio": 1.0,
        "cpu_ratio": 1.0,
        "calls": 1.0,
        **told,
    }


def test_the_page_says_what_misses_its_aim_and_a_part_measured_again_replaces_itself_alone(tmp_path: Path) -> None:
    page = tmp_path / "bench.md"
    keep_evidence(page, measured_now({"orders": [row(last_ratio=9.9)], "hung": [{"trouble": "hanging"}]}, 3))
    missing = [row(last_ratio=1.31), row(cpu_ratio=2.5), row(calls=1.3), row(action="no-op", cpu_ratio=7.0)]
    keep_evidence(page, measured_now({"orders": missing}, 5))

    text = page.read_text()
    assert text == render(json.loads(page.with_suffix(".json").read_text()))
    assert [line for line in text.splitlines() if line.startswith("- ")] == [
        "- 4 x 20, 50 ms, open: last_ratio 1.31 > 1.3",
        "- 4 x 20, 50 ms, open: cpu_ratio 2.50 > 2.0",
        "- 4 x 20, 50 ms, open: calls 1.30 > 1.2",
    ]
    assert "9.90" not in text
    assert "hanging" in text


def test_notes_beside_the_numbers_stay_on_the_page_when_a_part_is_measured_again(tmp_path: Path) -> None:
    page = tmp_path / "bench.md"
    page.with_suffix(".json").write_text('{"notes": ["The disk was slow."]}')

    keep_evidence(page, measured_now({"hung": [{"trouble": "hanging"}]}, 3))

    assert "## Notes\n\n- The disk was slow.\n" in page.read_text()


def test_a_page_on_which_nothing_misses_its_aim_says_so() -> None:
    assert "Nothing." in render(measured_now({"orders": [row()]}, 3))
