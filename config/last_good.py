"""The last-good rule: a newer version of some files applies when it is valid, else the last valid one stays."""

from collections.abc import Callable
from typing import Generic, TypeVar

from core.model.failures import InvalidConfig

Contents = TypeVar("Contents")
Parsed = TypeVar("Parsed")


class LastGood(Generic[Contents, Parsed]):
    """Files that are read at every look and compared as a whole with the version in force, so no edit is missed.

    Args:
        read: The files' contents now; raises InvalidConfig when one cannot be read.
        parse: The contents checked; raises InvalidConfig when they are not valid.
        applied: Called with every version that comes into force.
    """

    def __init__(
        self,
        read: Callable[[], Contents],
        parse: Callable[[Contents], Parsed],
        applied: Callable[[Contents], None] = lambda _contents: None,
    ) -> None:
        self._read = read
        self._parse = parse
        self._applied = applied
        self._in_force: tuple[Contents, Parsed] | None = None
        self._refused: Contents | None = None
        self._problem = ""

    def load(self) -> Parsed:
        """The newest valid version.

        Raises:
            InvalidConfig: Only when this object has never seen a valid one.
        """
        try:
            contents = self._read()
            if self._in_force is not None and contents == self._in_force[0]:
                self._refused, self._problem = None, ""
                return self._in_force[1]
            if self._in_force is not None and contents == self._refused:
                return self._in_force[1]
            self._refused = contents
            parsed = self._parse(contents)
        except InvalidConfig as error:
            self._problem = str(error)
            if self._in_force is None:
                raise
            return self._in_force[1]
        self._in_force, self._refused, self._problem = (contents, parsed), None, ""
        self._applied(contents)
        return parsed

    def problem(self) -> str:
        """What is wrong with the files as they stood at the last look, empty when they are the version in force."""
        return self._problem
