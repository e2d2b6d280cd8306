"""A terminal session played from the text a person would see, byte for byte."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).parents[3]
ANSWER = re.compile(r"⟦(.*?)⟧|⟪(.*?)⟫")
"""⟦typed and echoed⟧ or ⟪typed without echo⟫, each ended with Enter; ⟦^C⟧ and ⟦^D⟧ are the keys."""


def play_session(home: Path, command: str, transcript: str, *, root: Path = ROOT) -> int:
    """Run one of the project's scripts at a terminal; all it shows must equal the transcript.

    In the transcript HOME stands for the folder of the operator's files: the one given, or a checkout's own.

    Returns:
        The exit code.
    """
    named, home = (str(home), home) if root == ROOT else ("", root)
    environment = {**os.environ, "TRADE_ENGINE_HOME": named, "XDG_CONFIG_HOME": str(home.parent / "xdg")}
    child = pexpect.spawn(
        sys.executable,
        command.split(),
        cwd=root,
        env=environment,
        timeout=20,
        dimensions=(50, 250),
        encoding="utf-8",
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore ^C
    )
    child.delaybeforesend = child.delayafterclose = None  # each prompt is awaited before it is answered
    for text, answer, hidden in _steps(transcript.replace("HOME", str(home))):
        _expect(child, text)
        if answer in ("^C", "^D"):
            child.sendcontrol(answer[1].lower())
            _expect(child, "^C\n" if answer == "^C" and not hidden else "\n")
        elif answer is not None:
            child.sendline(answer)
            _expect(child, ("" if hidden else answer) + "\n")
    child.expect(pexpect.EOF)
    assert child.before == ""
    child.close()
    assert child.signalstatus is None
    return int(child.exitstatus)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def play(home: Path) -> Callable[..., int]:
    return partial(play_session, home)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The rooms that the dialogs need, in a folder with a space in its name."""
    target = tmp_path / "trade engine"
    target.mkdir()
    for room in ("config", "core"):
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "execute_trades.py", target)
    return target


def _steps(transcript: str) -> list[tuple[str, str | None, bool]]:
    steps: list[tuple[str, str | None, bool]] = []
    end = 0
    for match in ANSWER.finditer(transcript):
        hidden = match[2] is not None
        steps.append((transcript[end : match.start()], match[2] if hidden else match[1], hidden))
        end = match.end() + 1
    return [*steps, (transcript[end:], None, False)]


def _expect(child: "pexpect.spawn[str]", text: str) -> None:
    """The next characters shown are exactly these."""
    wanted = text.replace("\n", "\r\n")
    if wanted:
        try:
            child.expect_exact(wanted)
        except (pexpect.TIMEOUT, pexpect.EOF):
            shown = child.before if isinstance(child.before, str) else ""
            assert shown == wanted, "the session shows something else"
            raise
        assert child.before == "", "something was shown before the expected text"
