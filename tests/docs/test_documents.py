"""The documents are true: they parse, their links lead somewhere, their examples are accepted, their words exist."""

import ast
import json
import re
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from config.engine_settings import EngineSettings
from config.home import Home
from config.trading_files import TradingFiles
from operations.status_stages import CACHE, EXCHANGES, EXECUTION, MERGING, SOURCES

Texts = dict[str, str]
Blocks = list[tuple[str, str, str]]

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"bash", "json", "text", "toml"}
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ROOMS = (
    "account_processors",
    "commands",
    "config",
    "core",
    "operations",
    "paper",
    "signal_endpoints",
    "signal_processors",
)


def test_every_block_names_its_language(blocks: Blocks) -> None:
    assert [where for where, language, _ in blocks if language not in LANGUAGES] == []


def test_every_shell_block_parses(blocks: Blocks) -> None:
    scripts = [(where, text) for where, language, text in blocks if language == "bash"]
    assert len(scripts) > 20
    for where, script in scripts:
        ended = subprocess.run(["/bin/bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), f"{where}: {ended.stderr}"


def test_every_json_and_toml_block_parses(blocks: Blocks) -> None:
    parsers = {"json": json.loads, "toml": tomllib.loads}
    parsed = [parsers[language](text) for _, language, text in blocks if language in parsers]
    assert len(parsed) > 5


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]|\[([^\]]+)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def test_every_link_leads_to_a_file_and_a_heading_that_exist(texts: Texts) -> None:
    broken, seen = [], 0
    for name, text in texts.items():
        for target in LINK.findall(text):
            if target.startswith(("http://", "https://")):
                continue
            seen += 1
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            is_there = file.exists() and (
                not anchor or anchor in {slug(found) for found in HEADING.findall(file.read_text(encoding="utf-8"))}
            )
            if not is_there:
                broken.append(f"{name}: {target}")
    assert broken == []
    assert seen > 30


def test_every_file_that_is_named_exists(texts: Texts) -> None:
    named = re.compile(r"`((?:[a-z_]+/)+[a-z_0-9.\-]+\.(?:py|md|yml|json|js))`")
    made = ("raw_signals/", "webhook_domain/", "logs/", "state/")
    missing = [
        f"{name}: {path}"
        for name, text in texts.items()
        for path in named.findall(text)
        if not path.startswith(made) and not (ROOT / path).exists() and not (ROOT / name).parent.joinpath(path).exists()
    ]
    assert missing == []


def example(blocks: Blocks, needle: str) -> str:
    """The one JSON block of the README that holds this."""
    (text,) = [
        text for where, language, text in blocks if (language, where[:9]) == ("json", "README.md") and needle in text
    ]
    return text


def test_the_examples_of_mappings_weights_and_limits_are_accepted(blocks: Blocks, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.asset_mapping.write_text(example(blocks, '"bittensor": {'))
    home.signal_weights.write_text(example(blocks, '"sources"'))

    config = TradingFiles(home).load()

    assert [weights.symbol for weights in config.weights] == ["BTCUSDT", "ETHUSDT"]
    assert set(config.mappings) == {"tradingview", "bittensor"}
    limits = EngineSettings.model_validate_json(example(blocks, '"risk"'), strict=False).risk
    assert (limits.max_order_notional_usd, limits.max_daily_loss_percent) == (Decimal(500), Decimal(5))


def words_of_the_code() -> str:
    """All texts of the code; what is filled in is left out."""
    texts = []
    for room in (*ROOMS, "execute_trades.py"):
        path = ROOT / room
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(texts)


def test_every_message_of_the_troubleshooting_is_one_that_the_code_gives(texts: Texts) -> None:
    section = texts["README.md"].partition("## Troubleshooting")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    words = words_of_the_code()
    assert len(rows) > 20
    for row in rows:
        for message in re.findall(r"`([^`]+)`", row):
            for part in filter(None, (part.strip() for part in message.split("..."))):
                assert part in words, f"nothing says {part!r}"


def test_the_pictures_names_are_those_of_the_code(blocks: Blocks) -> None:
    where, picture = next(
        (where, text) for where, language, text in blocks if language == "text" and "README.md" in where
    )
    assert where.startswith("README.md")
    names = [*SOURCES.values(), MERGING, EXECUTION, *EXCHANGES.values(), CACHE]
    assert names == [
        "TradingView", "Bittensor", "SignalManager", "TradeExecutor", "ByBit", "BloFin", "KuCoin", "MEXC", "Cache",
    ]  # fmt: skip
    boxes = set(re.findall(r"│ ([A-Z]\w+)", picture))
    assert boxes == set(names)
    code = "".join((ROOT / path).read_text() for path in ("core/signal_manager.py", "core/trade_executor.py"))
    assert "class SignalManager" in code
    assert "class TradeExecutor" in code


def test_the_changes_name_the_release_and_the_schema_of_the_journal(texts: Texts) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = max(int(path.name[:4]) for path in (ROOT / "operations" / "migrations").glob("*.sql"))
    assert f"## {version}" in texts["CHANGELOG.md"]
    assert f"Schema of the journal: {newest}." in texts["CHANGELOG.md"]


def test_the_readme_opens_with_the_warning(texts: Texts) -> None:
    first = texts["README.md"].split("\n\n")[1]
    assert "testing and development" in first
    assert "at your own risk" in first


@pytest.mark.parametrize(
    "heading",
    [
        "Two commands",
        "The first live account",
        "Safety Rules",
        "What it will not do",
        "Troubleshooting",
        "How It Works",
    ],
)
def test_the_readme_has_what_a_newcomer_looks_for(heading: str, texts: Texts) -> None:
    assert heading in HEADING.findall(texts["README.md"])
