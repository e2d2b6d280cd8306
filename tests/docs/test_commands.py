"""Every command that a document names exists with these options, and every command is documented."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand

from commands.catalogue import CATALOGUE

Command = TyperCommand
ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDERS = {"ACCOUNT": "bybit", "SYMBOL": "BTCUSDT", "NAME": "trend", "COMMAND": "status"}
SCRIPTS = {
    "config/credentials.py", "config/asset_mapping.py", "config/signal_weights.py", "execute_trades.py",
    "signal_endpoints/tradingview_endpoint.py", "signal_processors/bittensor_processor.py",
}  # fmt: skip
OTHER_ENTRIES = {"signal_processors/bittensor_chain.py": "needs the extra `bittensor`; has a test of its own"}
PM2 = {
    "start", "save", "startup", "resurrect", "logs", "monit", "restart", "stop", "install", "set", "update", "ls",
}  # fmt: skip
FOREIGN = {
    "cd", "git", "sudo", "npm", "source", "pip", "deactivate", "rm", "command", "python3.11", "curl", "jq", "zcat",
    "docker", "journalctl", "promtool", "prometheus", "pytest", "ruff", "uv", "kill", "timedatectl", "systemd-creds",
}  # fmt: skip
HEAVY = {"ccxt", "aiohttp", "pydantic", "uvicorn", "fastapi", "apsw", "structlog"}
WITHOUT_JSON = {
    "demo": "a show for people", "init": "a dialog", "test": "shows what its tools print", "paper sn8": "serves",
    "source run": "serves", "config schema": "prints JSON", "config reference": "prints a document",
    "config undo": "shows a difference", "secrets rotate": "changes, and asks", "webhook domain": "writes files",
    "webhook keys revoke": "changes", "api": "serves JSON", "prove": "writes files",
}  # fmt: skip


def commands() -> Iterator[tuple[str, Command]]:
    """Every leaf of the command line with its full name."""
    for entry in CATALOGUE:
        yield from leaves(entry.name, _command_of(entry.module))


def _command_of(module: str) -> Command:
    command: Command = typer.main.get_command(importlib.import_module(module).app)  # type: ignore[assignment]
    return command


def leaves(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    subcommands = getattr(command, "commands", None)
    if not subcommands:
        yield name, command
        return
    for part, subcommand in subcommands.items():
        yield from leaves(f"{name} {part}", subcommand)


LEAVES = dict(commands())


def check_engine(words: list[str]) -> str:
    """Why a command line of ./engine would be refused, empty when it would run."""
    if words in ([], ["--help"]):
        return ""
    names = [word for word in words if not word.startswith("-")]
    for length in (3, 2, 1):
        name = " ".join(names[:length])
        if name in LEAVES and words[:length] == names[:length]:
            rest = [PLACEHOLDERS.get(word, word) for word in words[length:]]
            return check_options(LEAVES[name], rest)
    return "" if any(leaf.startswith(f"{names[0]} ") for leaf in LEAVES) and len(words) == 1 else "no such command"


def check_options(command: Command, words: list[str]) -> str:
    try:
        with command.make_context("checked", list(words)):
            return ""
    except typer.Exit:
        return ""
    except Exception as error:  # noqa: BLE001 - typer brings a copy of click whose exceptions it does not name
        is_only_named = not words and type(error).__name__ == "MissingParameter"
        lacks_the_example_file = str(error).endswith(" does not exist.")
        return "" if is_only_named or lacks_the_example_file else f"{type(error).__name__}: {error}"


def test_every_command_line_of_every_document_would_run(command_lines: list[tuple[str, list[str]]]) -> None:
    refused = []
    assert len(command_lines) > 150
    for where, words in command_lines:
        program, rest = words[0], words[1:]
        if program == "./engine":
            why = check_engine(rest)
        elif program == "python3":
            why = "" if rest[0] in {*SCRIPTS, *OTHER_ENTRIES, "-m"} else "no documented script"
        elif program == "pm2":
            why = "" if not rest or rest[0] in PM2 else "not a tried use of pm2"
        else:
            why = "" if program in FOREIGN else "not a program that the documents may use"
        if why:
            refused.append(f"{where}: {shlex.join(words)}: {why}")
    assert refused == []


def test_every_path_in_a_command_exists(command_lines: list[tuple[str, list[str]]]) -> None:
    paths = [
        (where, word) for where, words in command_lines for word in words if word.startswith(("tests/", "deploy/"))
    ]
    assert len(paths) >= 5
    assert [(where, path) for where, path in paths if not list(ROOT.glob(path))] == []


@pytest.mark.parametrize(
    "line",
    [
        "statuss",
        "status --jsn",
        "halt bybit --source",
        "webhook keys ad trend",
        "restore x --dry",
        "paper deposit bybit 5 6 7",
    ],
)
def test_a_command_line_that_would_not_run_is_seen(line: str) -> None:
    assert check_engine(line.split())


def test_every_remedy_in_the_code_and_the_alerts_is_a_command_that_would_run() -> None:
    """What is in backticks, also where something is filled in, as far as it is fixed."""
    files = [path for path in ROOT.glob("[!.]*/**/*.py") if path.relative_to(ROOT).parts[0] != "tests"]
    texts = {path: "\n".join(_strings(path)) for path in files}
    alerts = ROOT / "deploy" / "prometheus" / "alerts.yml"
    texts[alerts] = alerts.read_text(encoding="utf-8")
    found = [(path, line) for path, text in texts.items() for line in re.findall(r"`\./engine ([^`\n]+)`", text)]
    assert len(found) > 20
    assert [(path.name, line) for path, line in found if check_engine(shlex.split(line))] == []


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_command_is_in_the_readme(texts: dict[str, str]) -> None:
    readme = texts["README.md"]
    missing = []
    for name in LEAVES:
        first, *rest = name.split()
        rows = [line for line in readme.splitlines() if f"`./engine {first}" in line and line.startswith("|")]
        if not rows or any(not re.search(rf"\b{part}\b", " ".join(rows)) for part in rest if part != "keys"):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_explains_itself_with_an_example_and_has_json_where_it_shows_something(name: str) -> None:
    command = LEAVES[name]
    assert f"./engine {name}" in (command.help or ""), f"{name}: no example of itself"
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) == (name not in WITHOUT_JSON), f"{name}: --json"


def test_help_loads_nothing_that_is_heavy() -> None:
    script = (
        "import sys, importlib, typer\n"
        "from commands.app import app\n"
        "from commands.catalogue import CATALOGUE\n"
        "for entry in CATALOGUE:\n"
        "    typer.main.get_command(importlib.import_module(entry.module).app)\n"
        f"print(*sorted({HEAVY} & set(sys.modules)))\n"
    )
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert ended.stdout.strip() == ""


def test_every_documented_script_says_how_it_is_used() -> None:
    environment = {**os.environ, "TRADE_ENGINE_HOME": "/nonexistent"}
    running = {
        script: subprocess.Popen(  # noqa: S603 - our own scripts
            [sys.executable, str(ROOT / script), "--help"], cwd="/", env=environment, stdout=subprocess.PIPE, text=True
        )
        for script in sorted(SCRIPTS)
    }
    for script, process in running.items():
        said, _ = process.communicate(timeout=110)
        assert process.returncode == 0, script
        assert "sage" in said, script
