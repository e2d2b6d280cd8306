"""The documents as values: their texts, their blocks, the commands that they name."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ("*.md", "docs/*.md", "signal_*/README.md")
WRITTEN_ELSEWHERE = {"promises.md"}
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`((?:\./engine|python3|pm2) [^`]+)`")
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_REDIRECTION = re.compile(r"\s[&\d]?>\s*\S+")
_SEPARATORS = {"then", "else", "fi", "if", "do", "done"}


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Every document by its name relative to the project."""
    paths = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern) if path.name not in WRITTEN_ELSEWHERE)
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="session")
def blocks(texts: dict[str, str]) -> list[tuple[str, str, str]]:
    """Every fenced block: where it begins, its language, its text without fence and indentation."""
    found = []
    for name, text in texts.items():
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{name}:{line}", match[2], textwrap.dedent(match[3])))
    return found


@pytest.fixture(scope="session")
def command_lines(texts: dict[str, str], blocks: list[tuple[str, str, str]]) -> list[tuple[str, list[str]]]:
    """Where and what: every simple command of every shell block, and those named in running text."""
    lines = [(where, line) for where, language, text in blocks if language == "bash" for line in _commands(text)]
    for name, text in texts.items():
        lines += [(name, shlex.split(match[1])) for match in _INLINE.finditer(_BLOCK.sub("", text))]
    return lines


def _commands(script: str) -> list[list[str]]:
    """The simple commands of a script without functions and here-documents; redirections dropped."""
    text = _REDIRECTION.sub("", _COMMENT.sub(r"\1", script.replace("\\\n", " ")))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|\n")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for token in lexer:
        if token in _SEPARATORS or not set(token) - set(";&|\n"):
            commands.append([])
        else:
            commands[-1].append(token)
    return [command for command in commands if command]
