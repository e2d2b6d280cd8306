"""Where the secrets are in the JSON of credentials.json, and how a document becomes that JSON again."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, SecretStr

from config.schemas.credentials import DOCUMENTED_EXCHANGES, WITH_PASSPHRASE, CredentialsDocument, ExchangeSection
from config.schemas.fields import NOTE_PREFIXES

BITTENSOR = "bittensor_sn8"
ENCRYPTION = "encryption"
SECRET_FIELDS = ("api_key", "api_secret", "api_passphrase")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """One secret field.

    Attributes:
        section: The JSON object that holds it.
        key: Its key there.
        name: Its dotted name in the file; a further account goes by its name, wherever it stands in the list.
    """

    section: Json
    key: str
    name: str

    @property
    def text(self) -> object:
        """What stands there."""
        return self.section[self.key]


def secret_places(content: Json) -> Iterator[SecretPlace]:
    """Every secret field that is there, in file order; what is not shaped as it should be is left to the schema."""
    for name in (BITTENSOR, *DOCUMENTED_EXCHANGES):
        section = content.get(name)
        if isinstance(section, dict):
            yield from _places_in(section, name)
    accounts = content.get("accounts")
    for entry in accounts if isinstance(accounts, list) else ():
        if isinstance(entry, dict):
            yield from _places_in(entry, f"accounts.{_account_name(entry)}")


def lay_out(document: CredentialsDocument, previous: Json) -> Json:
    """The JSON of a document, secrets as text; the operator's notes of the previous file are kept.

    Args:
        document: What to write.
        previous: The file's JSON before, empty when there was none.
    """
    content: Json = _notes(previous)
    content[BITTENSOR] = {
        **_notes(previous.get(BITTENSOR)),
        "api_key": document.bittensor_sn8.api_key.get_secret_value(),
        "endpoint": document.bittensor_sn8.endpoint,
    }
    for name, section in document.sections().items():
        content[name] = {**_notes(previous.get(name)), **_keys(section, name), **_wishes(section)}
    listed = previous.get("accounts")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    before = {_account_name(entry): entry for entry in entries}
    further = []
    for account in document.accounts:
        named = {"exchange": account.exchange} | ({"label": account.label} if account.label else {})
        keys = _keys(account, account.exchange) if account.is_configured else {}
        further.append({**_notes(before.get(_account_name(named))), **named, **keys, **_wishes(account)})
    if further:
        content["accounts"] = further
    return content


def _places_in(section: Json, name: str) -> Iterator[SecretPlace]:
    for key in SECRET_FIELDS:
        if section.get(key):
            yield SecretPlace(section, key, f"{name}.{key}")


def _account_name(entry: Json) -> str:
    label = entry.get("label", "")
    return f"{entry.get('exchange', '')}::{label}" if label else str(entry.get("exchange", ""))


def _keys(section: ExchangeSection, exchange: str) -> Json:
    """The keys; a paper account has none, and a passphrase is shown where the exchange has one."""
    keys = {name: getattr(section, name).get_secret_value() for name in SECRET_FIELDS}
    if not keys["api_passphrase"] and exchange not in WITH_PASSPHRASE:
        del keys["api_passphrase"]
    return keys if any(keys.values()) or section.mode == "live" else {}


def _wishes(section: BaseModel) -> Json:
    """What the operator wants otherwise than by default."""
    wishes: Json = {}
    for name, field in ExchangeSection.model_fields.items():
        value = getattr(section, name)
        if (
            name in SECRET_FIELDS
            or value == field.get_default(call_default_factory=True)
            or isinstance(value, SecretStr)
        ):
            continue
        wishes[name] = value.value if isinstance(value, StrEnum) else value
    return wishes


def _notes(section: object) -> Json:
    if not isinstance(section, dict):
        return {}
    return {key: value for key, value in section.items() if str(key).startswith(NOTE_PREFIXES)}
