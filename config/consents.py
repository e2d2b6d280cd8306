"""The operator's consent to live orders, given once per account and key."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter

from config.files import PRIVATE_MODE, format_json, write_atomically
from config.schemas.fields import AccountText, StrictModel
from config.schemas.reading import parse_model, read_bytes
from core.model.failures import InvalidConfig
from core.model.identity import AccountId

REMEDY = "Remove the file; every live account is then unarmed until `./engine arm`."
FINGERPRINT_LENGTH = 16


class Consent(StrictModel):
    """What the operator saw and agreed to.

    Attributes:
        key_fingerprint: Which key the account had; another key is unarmed again.
        at: UTC time, ISO 8601.
        by: Who agreed.
        shown: Account value, caps and whatever else was shown, as text by name.
    """

    key_fingerprint: str
    at: str
    by: str
    shown: dict[str, str] = Field(default_factory=dict)


_CONSENTS = TypeAdapter(dict[AccountText, Consent])


def fingerprint(account: AccountId, mode: str, api_key: str) -> str:
    """Tells one account's keys apart without telling anything of them."""
    meaning = "\x1f".join(("trade-engine consent", str(account), mode, api_key))
    return hashlib.sha256(meaning.encode()).hexdigest()[:FINGERPRINT_LENGTH]


def read_consents(path: Path) -> dict[AccountId, Consent]:
    """Every recorded consent; none when there is no file.

    Raises:
        InvalidConfig: If the file is damaged: nothing is armed by a guess.
    """
    if not path.exists():
        return {}
    parsed = parse_model(_CONSENTS, read_bytes(path, REMEDY), path)
    return {AccountId.parse(account): consent for account, consent in parsed.items()}


def record_consent(
    path: Path, account: AccountId, key_fingerprint: str, at: datetime, by: str, shown: Mapping[str, str]
) -> None:
    """Arm one account with the key that it has now.

    Args:
        path: The home's `consents`.
        account: Whose.
        key_fingerprint: AccountSettings.key_fingerprint.
        at: UTC time.
        by: Who agreed.
        shown: What was shown before, as text by name; no secret.

    Raises:
        core.model.failures.StorageFailure: If it cannot be written.
    """
    consent = Consent(key_fingerprint=key_fingerprint, at=at.isoformat(), by=by, shown=dict(shown))
    _write(path, {**_readable(path), account: consent})


def withdraw_consent(path: Path, account: AccountId) -> bool:
    """Disarm one account; whether it was armed.

    Raises:
        core.model.failures.StorageFailure: If it cannot be written.
    """
    consents = _readable(path)
    if consents.pop(account, None) is None:
        return False
    _write(path, consents)
    return True


def _readable(path: Path) -> dict[AccountId, Consent]:
    """A damaged file arms nothing, so it is replaced."""
    try:
        return read_consents(path)
    except InvalidConfig:
        return {}


def _write(path: Path, consents: Mapping[AccountId, Consent]) -> None:
    content: dict[str, Any] = {str(account): consent.model_dump() for account, consent in sorted(consents.items())}
    write_atomically(path, format_json(content), PRIVATE_MODE)
