"""No secret leaves in a log: registered values and telling key names are blanked, tracebacks included."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

BLANK = "[redacted]"
SHORTEST_SECRET = 6
"""Shorter values are not searched for: they would blank innocent text."""

_TELLING_KEY = re.compile(r"secret|passphrase|password|api_?key|signature|authorization|token|private", re.IGNORECASE)

_PLAIN = (int, float)


@lru_cache(maxsize=1024)
def _is_telling(key: str) -> bool:
    return _TELLING_KEY.search(key) is not None


class Redactor:
    """A structlog processor that runs last, after tracebacks became text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        self.register(secrets)

    def register(self, secrets: Iterable[str]) -> None:
        """Blank these values from now on, wherever they appear."""
        self._secrets |= {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, _logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Blank one event."""
        return {key: BLANK if _is_telling(key) else self._clean(value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """Blank one text."""
        return self._pattern.sub(BLANK, text) if self._pattern else text

    def _clean(self, value: Any) -> Any:  # noqa: ANN401 - log values are anything
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            return {str(key): BLANK if _is_telling(str(key)) else self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        return self.text(str(value))
