"""systemd's own opinion of the units that we ship."""

import asyncio
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
EXIT_LOCKED = "78"

pytestmark = [pytest.mark.process, pytest.mark.system("systemd-analyze")]


async def run(*command: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


def adapted(folder: Path, text: str, name: str) -> Path:
    """The unit as the operator would have it, with the paths of this machine."""
    interpreter = folder / "opt" / "trade-engine" / ".venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True, exist_ok=True)
    interpreter.write_text("#!/bin/sh\n")
    interpreter.chmod(0o755)
    unit = folder / name
    unit.write_text(text.replace("/opt/trade-engine", str(folder / "opt" / "trade-engine")))
    return unit


async def test_every_unit_is_valid(tmp_path: Path) -> None:
    assert [unit.stem for unit in UNITS] == ["bittensor-signals", "trade-engine", "tradingview-endpoint"]
    units = [str(adapted(tmp_path, unit.read_text(), unit.name)) for unit in UNITS]

    code, said = await run("systemd-analyze", "verify", *units)

    assert (code, said) == (0, "")


async def test_a_mistake_in_a_unit_is_seen(tmp_path: Path) -> None:
    broken = UNITS[0].read_text().replace("Restart=always", "Restart=sometimes")

    _, said = await run("systemd-analyze", "verify", str(adapted(tmp_path, broken, UNITS[0].name)))

    assert "restart specifier" in said


async def test_no_unit_is_wide_open(tmp_path: Path) -> None:
    units = [str(adapted(tmp_path, unit.read_text(), unit.name)) for unit in UNITS]
    code, said = await run("systemd-analyze", "security", "--offline=true", "--threshold=50", "--no-pager", *units)
    assert code == 0, said


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_script_that_exists_and_stays_down_after_a_configuration_error(unit: Path) -> None:
    text = unit.read_text()
    started = re.search(r"^ExecStart=\S+/python /opt/trade-engine/(\S+)$", text, re.MULTILINE)
    assert started
    assert (ROOT / started[1]).is_file()
    assert f"RestartPreventExitStatus={EXIT_LOCKED}\n" in text
    assert "KillSignal=SIGINT\n" in text
