"""Why a source that runs has no frame yet: `raw_signals/<source>/condition.json`, for people alone.

A frame without depths would read as flat, so a source that never had a good answer writes none; without this file it
would look like a service that was never started.
"""

import msgspec

from config.files import write_atomically
from config.home import Home
from core.model.identity import SourceName
from core.model.signal import SourceStatus

_SHOWN_CHARACTERS = 300


class _Condition(msgspec.Struct):
    at: str
    status: str
    reason: str


def write_first_words(home: Home, source: SourceName, at: str, status: SourceStatus, reason: str) -> None:
    """Say why there is no frame yet.

    Raises:
        StorageFailure: If it cannot be written.
    """
    content = _Condition(at, str(status), reason)
    write_atomically(home.source_condition(source), msgspec.json.encode(content) + b"\n")


def read_first_words(home: Home, source: SourceName) -> str:
    """What the source last said before its first frame, empty when that cannot be read."""
    try:
        said = msgspec.json.decode(home.source_condition(source).read_bytes(), type=_Condition)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return f"at {said.at} it said: {said.status}, {said.reason}"[:_SHOWN_CHARACTERS]
