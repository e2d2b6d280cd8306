"""The newcomer's first command, as a real process without a terminal."""

import re
import subprocess
import sys

import pytest

from commands.demo_services import ROOT


@pytest.mark.process
@pytest.mark.timeout(150)
def test_the_demo_ends_with_every_account_on_target_nothing_doubled_and_the_lost_answer_recovered() -> None:
    command = (sys.executable, "-m", "commands", "demo", "--once")
    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, capture_output=True, text=True, timeout=140, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = re.search(
        r"positions equal targets on (\d) of 4 accounts, (\d+) orders, (\d+) doubled, (\d+)", ended.stdout
    )
    assert summary is not None, ended.stdout
    on_target, orders, doubled, lost = map(int, summary.groups())
    assert (on_target, doubled, lost) == (4, 0, 1)
    assert orders >= 4 * 7
    assert "answer lost, asking for the order by its id" in ended.stdout
