"""The two files of requirements are what the lock says, and the ways to run tests that CONTRIBUTING names are there."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPORT = "uv export --frozen{} --no-hashes --no-emit-project --no-annotate --output-file {}"
FILES = {"requirements.txt": (), "requirements-dev.txt": ("dev", "clients")}


def locked(groups: Sequence[str]) -> dict[str, str]:
    """Every package that the project with these groups needs, by the lock, and its version."""
    packages: dict[str, dict[str, Any]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        assert package["name"] not in packages, f"{package['name']} is locked twice: tell the versions apart by marker"
        packages[package["name"]] = package
    project = packages["trade-engine"]
    waiting = [*project["dependencies"], *(one for group in groups for one in project["dev-dependencies"][group])]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        package = packages[wanted["name"]]
        found[package["name"]] = package["version"]
        for extra in ("", *wanted.get("extra", ())):
            if (package["name"], extra) not in seen:
                seen.add((package["name"], extra))
                optional = package.get("optional-dependencies", {})
                waiting += optional[extra] if extra else package.get("dependencies", [])
    return found


def required(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    pinned = [re.fullmatch(r"([a-z0-9._-]+)==([^ ;]+)( ; .+)?", line) for line in lines if not line.startswith("#")]
    assert all(pinned)
    return {match[1]: match[2] for match in pinned if match}


@pytest.mark.parametrize("name", FILES)
def test_the_requirements_are_the_lock_and_say_how_they_are_made(name: str) -> None:
    export = EXPORT.format("".join(f" --group {group}" for group in FILES[name]), name)
    assert required(name) == locked(FILES[name]), f"run: {export}, under the two lines at the head of {name}"
    assert export in (ROOT / name).read_text()


def test_the_readme_says_how_many_packages_an_installation_has() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    here = [line for line in lines if not line.startswith("#") and "sys_platform == 'win32'" not in line]
    assert f"pip fetches {len(here)} packages" in (ROOT / "README.md").read_text()


def test_contributing_names_all_tests_one_file_and_the_coverage_and_each_is_there(
    command_lines: list[tuple[str, list[str]]],
) -> None:
    found = [words for where, words in command_lines if where.startswith("CONTRIBUTING.md") and words[0] == "pytest"]
    assert ["pytest"] in found
    assert any(len(words) == 2 and words[1].endswith(".py") and (ROOT / words[1]).is_file() for words in found)
    assert ["pytest", "--cov"] in found
    assert ["pip", "install", "-r", "requirements-dev.txt"] in [words for _, words in command_lines]


@pytest.mark.full
@pytest.mark.timeout(600)
def test_the_documented_file_and_the_documented_coverage_run_and_print_a_number(
    command_lines: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    found = [words for where, words in command_lines if where.startswith("CONTRIBUTING.md") and words[0] == "pytest"]
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")}
    with_a_place = [words for words in found if words[-1].startswith("tests/") and words[1:] != ["tests/unit/core"]]
    assert len(with_a_place) == 2
    for number, words in enumerate(with_a_place):
        command = (sys.executable, "-m", *words, "-p", "no:cacheprovider", f"--basetemp={tmp_path / str(number)}")
        ended = subprocess.run(  # noqa: S603 - what CONTRIBUTING says
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout[-2000:]
        assert " passed" in ended.stdout
        if any("--cov" in word for word in words):
            assert re.search(
                r"^Required test coverage of \d+\.\d+% reached. Total coverage: \d+\.\d+%$", ended.stdout, re.MULTILINE
            )


@pytest.mark.full
@pytest.mark.timeout(900)
def test_pip_installs_the_requirements_into_a_clean_environment_in_which_plain_pytest_runs(tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    venv = tmp_path / "venv"

    def run(*command: str) -> str:
        ended = subprocess.run(  # noqa: S603 - what CONTRIBUTING says
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
        return ended.stdout

    run(sys.executable, "-m", "venv", str(venv))
    run(str(venv / "bin" / "pip"), "install", "--quiet", "-r", "requirements-dev.txt")
    run(str(venv / "bin" / "pip"), "check")
    base = ("-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}")
    assert " passed" in run(str(venv / "bin" / "pytest"), *base, "tests/unit/core/test_size_and_reconcile.py")
    assert "tests collected" in run(str(venv / "bin" / "pytest"), *base, "--collect-only")
