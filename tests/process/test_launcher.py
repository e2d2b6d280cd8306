"""`./engine` on machines that have, lack or break what it needs; the tools it calls are stand-ins in their own PATH."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("cat", "cksum", "dirname", "basename", "mkdir", "ln")
PYTHON = """\
#!/bin/sh
case "$*" in
*sys.version_info*) {version} ;;
*-m\\ venv*) echo venv >>"{log}"; {venv} ;;
*-m\\ commands*) printf 'ran in %s:' "$PWD"; printf ' <%s>' "$@"; echo ;;
*) echo "unexpected: $*"; exit 9 ;;
esac
"""
UV = """\
#!/bin/sh
echo "uv $*" >>"{log}"
{sync}
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
ln -sf "{python}" "$UV_PROJECT_ENVIRONMENT/bin/python"
"""
READY = "uv sync --project {root} --python {python} --frozen --inexact --quiet"


class Machine:
    """A checkout with a space in its path, and a PATH that holds what the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "trade engine"
        self.tools = folder / "bin"
        self.home = folder / "home"
        self.log = folder / "log"
        for path in (self.root, self.tools, self.home):
            path.mkdir()
        self.log.touch()
        shutil.copy(ROOT / "engine", self.root)
        for name in ("pyproject.toml", "uv.lock"):
            (self.root / name).write_text(f"{name} of this test\n")
        for name in TOOLS:
            (self.tools / name).symlink_to(shutil.which(name) or "")

    def install(self, name: str, script: str) -> Path:
        path = self.tools / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    def install_python(self, name: str = "python3.11", *, is_new: bool = True, venv: str = "exit 1") -> Path:
        version = f'echo "{self.tools}/{name}"' if is_new else "exit 1"
        return self.install(name, PYTHON.format(version=version, log=self.log, venv=venv))

    def install_uv(self, python: Path, sync: str = "") -> None:
        self.install("uv", UV.format(log=self.log, python=python, sync=sync))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.tools), "HOME": str(self.home)}
        command = (str(self.root / "engine"), *arguments)
        return subprocess.run(  # noqa: S603 - the launcher
            command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def made(self) -> set[str]:
        """What lies in the checkout beside what was put there."""
        return {path.name for path in self.root.iterdir()} - {"engine", "pyproject.toml", "uv.lock"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_new_enough_python_it_says_the_one_line_that_installs_it(machine: Machine) -> None:
    machine.install_python("python3", is_new=False)

    ended = machine.run("demo")

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line == "Python 3.11 or newer is missing. Install it: sudo apt install -y python3.11 python3.11-venv"
    assert machine.made() == set()


def test_the_first_run_prepares_and_the_second_starts_at_once(machine: Machine) -> None:
    python = machine.install_python()
    machine.install_uv(python)

    first = machine.run("status", "--json")
    second = machine.run("status", "a b")

    assert first.returncode == second.returncode == 0
    assert first.stdout.endswith(": <-m> <commands> <status> <--json>\n")
    assert second.stdout.endswith(": <-m> <commands> <status> <a b>\n")
    assert machine.calls() == [READY.format(root=machine.root, python=python)]
    assert (bool(first.stderr), second.stderr) == (True, "")
    assert machine.made() == {".venv"}
    assert list(machine.home.iterdir()) == []


@pytest.mark.parametrize("changed", ["uv.lock", "pyproject.toml"])
def test_after_a_change_of_the_packages_it_prepares_again(machine: Machine, changed: str) -> None:
    machine.install_uv(machine.install_python())
    machine.run("status")
    (machine.root / changed).write_text("another\n")

    machine.run("status")
    machine.run("status")

    assert len(machine.calls()) == 2


def test_tests_get_their_own_packages_beside_those_that_are_there(machine: Machine) -> None:
    python = machine.install_python()
    machine.install_uv(python)
    machine.run("status")

    machine.run("test", "--full")
    machine.run("test")

    assert machine.calls()[1:] == [READY.format(root=machine.root, python=python) + " --group dev --group clients"]


def test_a_preparation_that_fails_is_said_and_tried_again(machine: Machine) -> None:
    python = machine.install_python()
    machine.install_uv(python, "echo 'no such host' >&2; exit 2")

    ended = machine.run("demo")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no such host" in ended.stderr
    assert ended.stderr.endswith("could not be installed. The lines above say why; then run this again.\n")
    machine.install_uv(python)
    assert machine.run("demo").returncode == 0


def test_without_the_venv_module_it_says_the_line_that_installs_it(machine: Machine) -> None:
    machine.install_python(venv="echo 'ensurepip is not available'; exit 1")

    ended = machine.run("demo")

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "Python's venv module is missing. Install it: sudo apt install -y python3.11-venv"
    )
