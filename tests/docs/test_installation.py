"""The README's installation, tried: the pm2 block on a machine with and without pm2, and pip in a clean environment."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Blocks = list[tuple[str, str, str]]
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'
SCRIPTS = (
    "execute_trades.py", "config/credentials.py", "config/asset_mapping.py", "config/signal_weights.py",
    "signal_endpoints/tradingview_endpoint.py", "signal_processors/bittensor_processor.py",
)  # fmt: skip
TEST_PACKAGES = ("pytest>=9.0.0", "pytest-asyncio>=1.3.0", "pytest-timeout>=2.4.0", "hypothesis>=6.150.0")
OPERATORS_FILES = ("credentials.json", "asset_mapping_config.json", "state/journal.sqlite", "raw_signals/x/depths.json")


def block_with(blocks: Blocks, needle: str) -> str:
    (text,) = [text for where, _, text in blocks if where.startswith("README.md:") and needle in text]
    return text


@pytest.mark.parametrize(
    ("has_pm2", "called"),
    [
        (True, ["pm2 startup", "pm2 save --force"]),
        (
            False,
            [
                "sudo apt install -y jq npm", "sudo npm install pm2 -g", "pm2 update",
                "pm2 save --force", "pm2 startup", "pm2 save",
            ],
        ),
    ],
)  # fmt: skip
def test_the_pm2_block_takes_the_right_branch_and_may_be_run_again(
    blocks: Blocks, tmp_path: Path, has_pm2: bool, called: list[str]
) -> None:
    script = block_with(blocks, "command -v pm2")
    tools, calls = tmp_path / "bin", tmp_path / "calls"
    tools.mkdir()
    for name in ("sudo", "pm2") if has_pm2 else ("sudo",):
        write_tool(tools / name, STUB)
    if not has_pm2:  # npm brings pm2
        write_tool(tools / "sudo", f'{STUB}if [ "$1" = npm ]; then cp "$STUBS/pm2.new" "$STUBS/pm2"; fi\n')
        write_tool(tools / "pm2.new", STUB)
    (tools / "basename").symlink_to(shutil.which("basename") or "")
    (tools / "cp").symlink_to(shutil.which("cp") or "")
    environment = {"PATH": str(tools), "CALLS": str(calls), "STUBS": str(tools)}

    for _ in range(2):
        ended = subprocess.run(  # noqa: S603 - the README's own block, over stubs
            ["/bin/bash", "-e", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr

    said = calls.read_text().splitlines()
    assert said == [*called, "pm2 startup", "pm2 save --force"]


def write_tool(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_the_requirements_name_no_repository_and_the_oldest_python_is_the_documented_one(texts: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    assert "Python 3.11 or newer" in texts["README.md"]
    assert [name for name in project["dependencies"] if "git+" in name or "@" in name] == []


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_clean_environment_installs_runs_everything_documented_and_may_be_thrown_away(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "a folder with spaces" / "trade-engine")
    for name in OPERATORS_FILES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(json.dumps({"kept": name}))

    for _ in range(2):
        install(project)
        shutil.rmtree(project / ".venv")

    assert all(json.loads((project / name).read_text()) == {"kept": name} for name in OPERATORS_FILES)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("minor", range(11, 16))
def test_every_python_that_is_new_enough_installs_the_project_and_passes_the_tests_of_the_core(
    tmp_path: Path, minor: int
) -> None:
    project = copy_project(tmp_path / "trade-engine")
    run(project, find_python(minor), "-m", "venv", ".venv")
    python = str(project / ".venv" / "bin" / "python")

    run(project, python, "-m", "pip", "install", "--quiet", "-e", ".", *TEST_PACKAGES)
    run(project, python, "-m", "pip", "check")
    run(
        project,
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not full and not prove",
        "tests/unit/core",
    )


@pytest.mark.full
@pytest.mark.timeout(300)
def test_pip_of_an_older_python_refuses(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "trade-engine")
    run(project, find_python(10), "-m", "venv", ".venv")
    command = (str(project / ".venv" / "bin" / "python"), "-m", "pip", "install", "--no-deps", "-e", ".")
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)  # noqa: S603 - the README's line

    assert ended.returncode != 0
    assert "requires a different Python" in ended.stderr
    assert ">=3.11" in ended.stderr


def find_python(minor: int) -> str:
    """A CPython of this version, from PATH or from pyenv, whose shims may be there without it; skips without one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python3.{minor}") or "", *map(str, sorted(pyenv.glob(f"3.{minor}.*/bin/python")))]
    asking = (
        "import ensurepip, platform, sys;"
        f"assert platform.python_implementation() == 'CPython' and sys.version_info[:2] == (3, {minor})"
    )
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", asking], capture_output=True, check=False).returncode == 0:  # noqa: S603 - an interpreter
            return candidate
    pytest.skip(f"no CPython 3.{minor} with ensurepip on PATH or in {pyenv}")


def copy_project(project: Path) -> Path:
    """Every file under version control, as it is now, in another folder."""
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    return project


def install(project: Path) -> None:
    """What the README says, and then everything that it says can be run."""
    run(project, sys.executable, "-m", "venv", ".venv")
    python = str(project / ".venv" / "bin" / "python")
    run(project, python, "-m", "pip", "install", "--quiet", "-e", ".")
    run(project, python, "-m", "pip", "check")
    for script in SCRIPTS:
        run(project, python, script, "--help")
    modules = [
        path.relative_to(project).with_suffix("").as_posix().replace("/", ".")
        for room in sorted(path.parent.name for path in project.glob("*/__init__.py"))
        for path in (project / room).rglob("*.py")
        if path.name != "__main__.py"
    ]
    names = ", ".join(sorted(module.removesuffix(".__init__") for module in modules))
    run(project, python, "-W", "ignore", "-c", f"import {names}")
    run(project, python, "-m", "commands", "--help")


def run(project: Path, *command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    ended = subprocess.run(  # noqa: S603 - what the README says
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
