"""webhook_keys.json: the keys that strategies write with, as hashes, mode 0600.

    {"version": 1, "keys": [{"id": "k1", "strategy": "trend", "sha256": "9f...", "made_at": "2026-01-02T03:04:05Z",
                             "rhythm_minutes": 60}]}

A key is 256 random bits, so a plain hash of it cannot be guessed back. Several keys of one strategy are valid at once,
so that they can be rotated: add a new one, change the alerts, revoke the old one.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from config.files import PRIVATE_MODE, format_json, parse_json, write_atomically
from config.home import Home
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import parse_source

KEYS_VERSION = 1
KEY_PATTERN = re.compile(rb"(?<![A-Za-z0-9_-])tek_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""What a key looks like, so that it is found in a message before the message is parsed."""
LIKE_A_KEY = re.compile(rb"tek_[A-Za-z0-9_-]+")
"""What is blanked wherever it is kept or told."""

_RESERVED = frozenset({"unauthenticated"})
_REMEDY = "Make keys with ./engine webhook keys add STRATEGY."


@dataclass(frozen=True, slots=True)
class WebhookKey:
    """One valid key.

    Attributes:
        id: What the operator calls it by.
        strategy: Whose messages it signs.
        sha256: Of the key, in hex.
        made_at: UTC time.
        rhythm_minutes: How often the strategy says it speaks, None when it does not say.
    """

    id: str
    strategy: str
    sha256: str
    made_at: datetime
    rhythm_minutes: float | None = None


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: list[WebhookKey]


def match_key(keys: Iterable[WebhookKey], candidates: Iterable[bytes]) -> WebhookKey | None:
    """The key that one of the candidates is; every hash is compared with every candidate, each in constant time."""
    found: WebhookKey | None = None
    for candidate in candidates:
        digest = hashlib.sha256(candidate).hexdigest()
        for key in keys:
            if hmac.compare_digest(digest, key.sha256):
                found = key
    return found


def load_keys(home: Home) -> tuple[WebhookKey, ...] | None:
    """All valid keys, None when there is no file: then, and only then, none is required.

    Raises:
        InvalidConfig: If the file breaks its schema.
    """
    path = home.webhook_keys
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(str(path), "", "", f"cannot be read: {error.strerror or error}", _REMEDY) from error
    try:
        file = msgspec.convert(parse_json(content, path), _KeyFile, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidConfig(str(path), "", "", str(error), _REMEDY) from error
    if file.version != KEYS_VERSION:
        raise InvalidConfig(str(path), "version", str(file.version), f"is not {KEYS_VERSION}", _REMEDY)
    for key in file.keys:
        if not re.fullmatch(r"[0-9a-f]{64}", key.sha256):
            raise InvalidConfig(str(path), f"keys.{key.id}.sha256", "", "is not 64 hex digits", _REMEDY)
    return tuple(file.keys)


def save_keys(home: Home, keys: Iterable[WebhookKey]) -> None:
    """Replace the file.

    Raises:
        StorageFailure: If it cannot be written.
    """
    content = {"version": KEYS_VERSION, "keys": [_as_json(key) for key in keys]}
    write_atomically(home.webhook_keys, format_json(content), PRIVATE_MODE)


def add_key(
    keys: tuple[WebhookKey, ...], strategy: str, made_at: datetime, rhythm_minutes: float | None = None
) -> tuple[tuple[WebhookKey, ...], str]:
    """Make a key for a strategy.

    Returns:
        All keys, and the new key's text, which is shown once and kept nowhere.

    Raises:
        InvalidInput: If the strategy's name cannot be used.
    """
    parse_source(strategy)
    if strategy in _RESERVED:
        raise InvalidInput(f"strategy: {strategy!r} is reserved; choose another name")
    text = f"tek_{secrets.token_urlsafe(32)}"
    numbers = [int(key.id[1:]) for key in keys if re.fullmatch(r"k[0-9]+", key.id)]
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = WebhookKey(
        f"k{max(numbers, default=0) + 1}", strategy, digest, made_at.replace(microsecond=0), rhythm_minutes
    )
    if rhythm_minutes is not None:
        keys = tuple(replace(old, rhythm_minutes=rhythm_minutes) if old.strategy == strategy else old for old in keys)
    return (*keys, key), text


def revoke_key(keys: tuple[WebhookKey, ...], key_id: str) -> tuple[WebhookKey, ...]:
    """All keys but one.

    Raises:
        InvalidInput: If there is no such key.
    """
    if key_id not in {key.id for key in keys}:
        raise InvalidInput(f"key: there is no {key_id!r}; ./engine webhook keys list shows them")
    return tuple(key for key in keys if key.id != key_id)


class KeyFile:
    """The keys as they are now; an invalid file leaves the last valid one in force.

    Raises:
        InvalidConfig: If the file is invalid at first sight.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._mark = _mark(home.webhook_keys)
        self._keys = load_keys(home)
        self.problem = ""

    def load(self) -> tuple[WebhookKey, ...] | None:
        """All valid keys, None when none is required."""
        mark = _mark(self._home.webhook_keys)
        if mark == self._mark:
            return self._keys
        self._mark = mark
        if mark is None:
            self.problem = f"{self._home.webhook_keys}: is gone; the last keys stay in force until a restart"
            return self._keys
        try:
            self._keys, self.problem = load_keys(self._home), ""
        except InvalidConfig as error:
            self.problem = str(error)
        return self._keys


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _as_json(key: WebhookKey) -> dict[str, object]:
    content: dict[str, object] = {
        "id": key.id,
        "strategy": key.strategy,
        "sha256": key.sha256,
        "made_at": key.made_at.isoformat().replace("+00:00", "Z"),
    }
    return content if key.rhythm_minutes is None else content | {"rhythm_minutes": key.rhythm_minutes}
