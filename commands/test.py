"""`./engine test`: the whole gate as one command."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
SYSTEM_PACKAGES = ("nginx-light", "prometheus", "npm", "systemd")
NODE_PACKAGES = ("pm2@7",)
WORKERS = "2"
SIDE_BY_SIDE = ("-n", WORKERS, "--dist", "worksteal")
FAIL_ON_SKIP_VARIABLE = "TRADE_ENGINE_SYSTEM_TESTS"
"""Set to `required` by --install-system runs: a test whose system package is missing then fails instead of skipping."""

app = typer.Typer(add_completion=False)


@app.command()
def test(
    pytest_arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The longer tier, under 80 minutes.")] = False,
    install_system: Annotated[
        bool,
        typer.Option("--install-system", help="As root, install what system tests need (apt, npm), and test nothing."),
    ] = False,
) -> None:
    """Check and test everything: ruff, mypy strict, import contracts, pytest.

    Examples:

      ./engine test                                 the gate, under 15 minutes on two cores

      ./engine test --full                          the longer tier as well

      ./engine test --install-system                install nginx, prometheus, pm2 and systemd-analyze

      ./engine test -- tests/unit/core -k flip      some tests only, without the other checks
    """
    if install_system:
        raise typer.Exit(_install_system())
    if pytest_arguments:
        raise typer.Exit(_run("pytest", _pytest(*pytest_arguments)))
    raise typer.Exit(_run_gate(gate_steps(full=full)))


def gate_steps(*, full: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every check of a tier by its name and command; all of them run, whatever fails.

    Args:
        full: The longer tier; what is marked `prove` is in neither.
    """
    marks = "not prove" if full else "not full and not prove"
    # Apart from the tests themselves: measuring slows them down, and some of them measure.
    coverage = (("coverage", _pytest("-q", *SIDE_BY_SIDE, "--cov", "-m", "not process and not full and not prove")),)
    return (
        ("format", (_tool("ruff"), "format", "--check", ".")),
        ("lint", (_tool("ruff"), "check", ".")),
        ("types", (_tool("mypy"), ".")),
        ("imports", (_tool("lint-imports"),)),
        ("tests", _pytest(*SIDE_BY_SIDE, "-m", f"not process and {marks}")),
        # One after the other: real processes have deadlines of stopping, which a crowded machine would miss.
        ("tests with processes", _pytest("-m", f"process and {marks}")),
        *(coverage if full else ()),
    )


def _run_gate(steps: Sequence[tuple[str, Sequence[str]]]) -> int:
    failed = [name for name, command in steps if _run(name, command) != 0]
    console = Console(stderr=True)
    if failed:
        console.print(f"[bold red]failed:[/] {', '.join(failed)}")
        return 1
    console.print("[bold green]everything passed[/]")
    return 0


def _install_system() -> int:
    console = Console(stderr=True)
    if os.geteuid() != 0:
        console.print("--install-system installs Debian and npm packages and must run as root: sudo ./engine test ...")
        return 1
    apt = {"DEBIAN_FRONTEND": "noninteractive"}
    missing = [package for package in SYSTEM_PACKAGES if not _is_installed(package)]
    steps: list[tuple[str, tuple[str, ...]]] = []
    if missing:
        steps += [
            ("apt update", ("apt-get", "update", "-q")),
            ("apt install", ("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)),
        ]
    if not shutil.which("pm2"):
        steps.append(("npm install", ("npm", "install", "--global", "--no-fund", "--no-audit", *NODE_PACKAGES)))
    for name, command in steps:
        if _run(name, command, apt) != 0:
            return 1
    console.print("system packages are there")
    return 0


def _is_installed(package: str) -> bool:
    binary = {"nginx-light": "nginx", "prometheus": "promtool", "systemd": "systemd-analyze"}.get(package, package)
    return shutil.which(binary) is not None


def _pytest(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", *arguments)


def _tool(name: str) -> str:
    """A development tool of the environment that runs this command."""
    return str(Path(sys.executable).parent / name)


def _run(name: str, command: Sequence[str], extra: dict[str, str] | None = None) -> int:
    Console(stderr=True).print(f"[bold]== {name}[/]")
    environment = {**os.environ, **(extra or {})}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - our own commands
