"""Checking and changing the key under which credentials are encrypted."""

from dataclasses import dataclass

from config.credentials_file import (
    REMEDY,
    parse_credentials,
    plain_secrets,
    read_header,
    reseal,
    sealed_secrets,
)
from config.file_guard import check_may_replace, check_private
from config.files import PRIVATE_MODE, write_atomically
from config.home import Home
from config.key_providers.key_file import KeyFile
from config.key_providers.provider import Surroundings
from config.key_providers.registry import DEFAULT_PROVIDER
from config.schemas.reading import read_bytes


@dataclass(frozen=True, slots=True)
class SecretsReport:
    """How the secrets of a file are kept.

    Attributes:
        provider: Who keeps the key, empty when nothing is encrypted.
        key_id: Which key, empty when nothing is encrypted.
        encrypted: Names of the fields that opened.
        plain: Names of the fields that are not encrypted.
    """

    provider: str
    key_id: str
    encrypted: tuple[str, ...]
    plain: tuple[str, ...]

    @property
    def text(self) -> str:
        """For a person."""
        lines = []
        if self.encrypted:
            lines.append(f"{len(self.encrypted)} secrets open with the key {self.key_id} of the {self.provider}.")
        if self.plain:
            names = ", ".join(self.plain)
            lines.append(f"Not encrypted: {names}. `./engine secrets rotate` encrypts them.")
        return "\n".join(lines) or "There are no secrets."


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of key did.

    Attributes:
        provider: Who keeps the new key.
        key_id: The new key.
        fields: How many secrets are encrypted under it.
        forgotten: How many older keys were removed from the key file.
        notice: What the operator should be told, empty when nothing.
    """

    provider: str
    key_id: str
    fields: int
    forgotten: int
    notice: str

    @property
    def text(self) -> str:
        """For a person."""
        if not self.fields:
            return "There are no secrets; nothing was written."
        lines = [f"{self.fields} secrets are encrypted under the new key {self.key_id} of the {self.provider}."]
        if self.forgotten:
            lines.append(f"{self.forgotten} older keys were removed.")
        return "\n".join([*lines, self.notice] if self.notice else lines)


def check_secrets(home: Home, around: Surroundings) -> SecretsReport:
    """Open every secret once.

    Raises:
        core.model.failures.InvalidConfig: If one does not open, the key is not there, or others may read the file.
    """
    path = home.credentials
    content = read_bytes(path, REMEDY)
    check_private(path)
    parse_credentials(content, path, around)
    header = read_header(content, path)
    sealed, plain = sealed_secrets(content, path), plain_secrets(content, path)
    return SecretsReport(header.provider if header else "", header.key_id if header else "", sealed, plain)


def rotate_key(home: Home, around: Surroundings, provider: str = "", *, forget_old_keys: bool = False) -> Rotation:
    """Encrypt everything anew: the new key is kept before the file is replaced, older ones are removed after.

    Args:
        home: Whose.
        around: Where keys are looked for and kept.
        provider: Who keeps the new key; the one that keeps the present key by default.
        forget_old_keys: Whether older keys are removed from the key file.

    Raises:
        core.model.failures.InvalidConfig: If the file cannot be opened, or the provider has no place for a key.
        core.model.failures.StorageFailure: If it cannot be written; the old file is then in place and opens.
    """
    path = home.credentials
    check_may_replace(path)
    content = read_bytes(path, REMEDY)
    document = parse_credentials(content, path, around)
    before = read_header(content, path)
    if not sealed_secrets(content, path) and not plain_secrets(content, path):
        return Rotation("", "", 0, 0, "")
    name = provider or (before.provider if before else DEFAULT_PROVIDER)
    formatted = reseal(document, path, content, around, name)
    write_atomically(path, formatted.content, PRIVATE_MODE)
    header = read_header(formatted.content, path)
    key_id = header.key_id if header else ""
    forgotten = 0
    if forget_old_keys and name == KeyFile.name:
        forgotten = KeyFile(around).forget_others(key_id)
    is_new_place = before is None or before.provider != name
    fields = len(sealed_secrets(formatted.content, path))
    return Rotation(name, key_id, fields, forgotten, formatted.notice if is_new_place else "")
