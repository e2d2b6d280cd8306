"""The last-good rule: a newer version of some files applies when it is valid, else the last valid one stays."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

from core.model.failures import InvalidConfig

Contents = TypeVar("Contents")
Parsed = TypeVar("Parsed")


TRUSTED_LOOKS = 100
"""So often in a row unchanged marks stand for unchanged contents; two edits within one tick of a file system's clock
may leave the same marks, so the contents are then read all the same."""


def file_mark(path: str) -> object:
    """Changes whenever a file is replaced, edited or removed, and costs no reading.

    Args:
        path: As text, since this is asked again and again and a Path would be turned into text every time.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - see above
    except OSError as error:
        return error.errno
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class LastGood(Generic[Contents, Parsed]):
    """Files that are compared as a whole with the version in force, so no edit is missed.

    Args:
        read: The files' contents now; raises InvalidConfig when one cannot be read.
        parse: The contents checked; raises InvalidConfig when they are not valid.
        applied: Called with every version that comes into force.
        mark: Something cheap that changes with the files, see `file_mark`; without it they are read at every look.
    """

    def __init__(
        self,
        read: Callable[[], Contents],
        parse: Callable[[Contents], Parsed],
        applied: Callable[[Contents], None] = lambda _contents: None,
        mark: Callable[[], object] | None = None,
    ) -> None:
        self._read = read
        self._parse = parse
        self._applied = applied
        self._mark = mark
        self._last_mark: object = None
        self._looks_left = 0
        self._in_force: tuple[Contents, Parsed] | None = None
        self._refused: Contents | None = None
        self._problem = ""

    def load(self) -> Parsed:
        """The newest valid version.

        Raises:
            InvalidConfig: Only when this object has never seen a valid one.
        """
        if self._in_force is not None and self._looks_unchanged():
            return self._in_force[1]
        try:
            contents = self._read()
        except InvalidConfig as error:
            return self._stay(error, None)
        if self._in_force is not None and contents == self._in_force[0]:
            self._refused, self._problem = None, ""
            return self._in_force[1]
        if self._in_force is not None and contents == self._refused:
            return self._in_force[1]
        try:
            parsed = self._parse(contents)
        except InvalidConfig as error:
            return self._stay(error, contents)
        self._in_force, self._refused, self._problem = (contents, parsed), None, ""
        self._applied(contents)
        return parsed

    def problem(self) -> str:
        """What is wrong with the files as they stood at the last look, empty when they are the version in force."""
        return self._problem

    def _looks_unchanged(self) -> bool:
        if self._mark is None:
            return False
        mark = self._mark()
        self._looks_left -= 1
        if mark == self._last_mark and self._looks_left > 0:
            return True
        self._last_mark, self._looks_left = mark, TRUSTED_LOOKS
        return False

    def _stay(self, error: InvalidConfig, refused: Contents | None) -> Parsed:
        """The version in force, and why there is no newer one; the error itself when there is none."""
        self._refused, self._problem = refused, str(error)
        if self._in_force is None:
            raise error
        return self._in_force[1]
