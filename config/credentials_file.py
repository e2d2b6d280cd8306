"""credentials.json: read and decrypted, encrypted and written, always as a whole.

    document = read_credentials(home)
    changed = document.model_copy(update={"bybit": ExchangeSection(api_key=SecretStr(...), api_secret=SecretStr(...))})
    written = write_credentials(home, changed)

A dialog that holds the file's bytes itself uses `parse_credentials` and `format_credentials` in the same way.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from config.credentials_layout import BITTENSOR, ENCRYPTION, Json, SecretPlace, lay_out, secret_places
from config.file_guard import check_may_replace, check_private
from config.files import PRIVATE_MODE, format_json, parse_json, write_atomically
from config.home import Home
from config.key_providers.key_file import KEY_FILE_NOTICE, KeyFile
from config.key_providers.provider import Surroundings, process_surroundings
from config.key_providers.registry import DEFAULT_PROVIDER, provider_named
from config.schemas.credentials import CREDENTIALS, BittensorSection, CredentialsDocument
from config.schemas.reading import check_model, read_bytes
from config.secret_store import CannotOpen, EncryptionHeader, SecretKey, is_sealed, seal, unseal
from core.model.failures import InvalidConfig

REMEDY = "Run `python3 config/credentials.py`."
RESTORE = "Restore the file from a backup, or enter this account's keys again with `python3 config/credentials.py`."

_HEADER = TypeAdapter(EncryptionHeader)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did.

    Attributes:
        is_changed: False when the file already said all this, encrypted and private.
        notice: What the operator should be told once, empty when nothing.
    """

    is_changed: bool
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Formatted:
    """Bytes ready to be written, and what the operator should be told once, empty when nothing."""

    content: bytes
    notice: str = ""


def read_credentials(home: Home, around: Surroundings | None = None) -> CredentialsDocument:
    """The accounts and keys, decrypted; an empty document where there is no file.

    Args:
        home: Whose.
        around: Where keys are looked for; this process's by default.

    Raises:
        InvalidConfig: Naming path, field and remedy, never a secret; also when others may read the file.
    """
    if not home.credentials.exists():
        return CredentialsDocument()
    check_private(home.credentials)
    return parse_credentials(
        read_bytes(home.credentials, REMEDY), home.credentials, around or process_surroundings(home)
    )


def read_bittensor_access(home: Home, around: Surroundings | None = None) -> BittensorSection:
    """Access to the SN8 signals alone: no exchange's key is decrypted.

    Raises:
        InvalidConfig: As read_credentials.
    """
    if not home.credentials.exists():
        return BittensorSection()
    check_private(home.credentials)
    content = _parse(read_bytes(home.credentials, REMEDY), home.credentials)
    only = {name: content[name] for name in (BITTENSOR, ENCRYPTION) if name in content}
    return _open(only, home.credentials, around or process_surroundings(home)).bittensor_sn8


def read_outline(home: Home) -> CredentialsDocument:
    """Which accounts there are and how they are kept; encrypted secrets stay encrypted texts, no key is needed.

    Raises:
        InvalidConfig: As read_credentials.
    """
    if not home.credentials.exists():
        return CredentialsDocument()
    check_private(home.credentials)
    return parse_outline(read_bytes(home.credentials, REMEDY), home.credentials)


def parse_outline(content: bytes, path: Path) -> CredentialsDocument:
    """As read_outline, from the file's bytes.

    Raises:
        InvalidConfig: Naming path, field and remedy, never a secret.
    """
    parsed = {name: value for name, value in _parse(content, path).items() if name != ENCRYPTION}
    return check_model(CREDENTIALS, parsed, path, hide_values=True)


def parse_credentials(content: bytes, path: Path, around: Surroundings) -> CredentialsDocument:
    """The decrypted document of a file's bytes; a plain file of the original is understood as well.

    Raises:
        InvalidConfig: Naming path, field and remedy, never a secret.
    """
    return _open(_parse(content, path), path, around)


def write_credentials(
    home: Home, document: CredentialsDocument, around: Surroundings | None = None, provider: str = ""
) -> Written:
    """Write the document, its secrets encrypted, mode 0600 from the first byte; old or new after any crash.

    Args:
        home: Whose.
        document: The whole content.
        around: Where keys are looked for; this process's by default.
        provider: Who keeps the key of a file that has none yet; the file's own, or the key file, by default.

    Raises:
        InvalidConfig: If the file is another's or read-only, or its key is not there.
        core.model.failures.StorageFailure: If it cannot be written; the old file is then in place.
    """
    path = home.credentials
    check_may_replace(path)
    previous = read_bytes(path, REMEDY) if path.exists() else None
    formatted = format_credentials(document, path, previous, around or process_surroundings(home), provider)
    if formatted.content == previous and path.stat().st_mode & 0o777 == PRIVATE_MODE:
        return Written(is_changed=False)
    write_atomically(path, formatted.content, PRIVATE_MODE)
    return Written(is_changed=True, notice=formatted.notice)


def format_credentials(
    document: CredentialsDocument, path: Path, previous: bytes | None, around: Surroundings, provider: str = ""
) -> Formatted:
    """The file's bytes: every secret encrypted; one that did not change keeps its text, so nothing else changes.

    Args:
        document: The whole content.
        path: The file.
        previous: Its bytes now, None when there is none.
        around: Where keys are looked for.
        provider: As in write_credentials.

    Raises:
        InvalidConfig: If the key is not there.
    """
    before = _parse(previous, path) if previous is not None else {}
    content = lay_out(document, before)
    places = list(secret_places(content))
    if not places:
        return Formatted(format_json(content))
    header, key, notice = _key_for_writing(before, path, around, provider)
    kept = {place.name: place.text for place in secret_places(before) if is_sealed(place.text)}
    for place in places:
        place.section[place.key] = _sealed_or_kept(key, place, kept.get(place.name), path)
    return Formatted(format_json({ENCRYPTION: header.model_dump(), **content}), notice)


def reseal(
    document: CredentialsDocument, path: Path, previous: bytes, around: Surroundings, provider: str
) -> Formatted:
    """The file's bytes under a new key.

    Args:
        document: The decrypted content.
        path: The file.
        previous: Its bytes now.
        around: Where keys are kept.
        provider: Who keeps the new key.

    Raises:
        InvalidConfig: If the provider has no place or material for it.
    """
    before = _parse(previous, path)
    before.pop(ENCRYPTION, None)
    plain = format_json(lay_out(document, before))
    return format_credentials(document, path, plain, around, provider)


def read_header(content: bytes, path: Path) -> EncryptionHeader | None:
    """The file's `encryption` section, None where nothing is encrypted.

    Raises:
        InvalidConfig: If it is damaged.
    """
    return _header(_parse(content, path), path)


def plain_secrets(content: bytes, path: Path) -> tuple[str, ...]:
    """Names of the secret fields that are not encrypted.

    Raises:
        InvalidConfig: If the file is no JSON object.
    """
    return tuple(place.name for place in secret_places(_parse(content, path)) if not is_sealed(place.text))


def sealed_secrets(content: bytes, path: Path) -> tuple[str, ...]:
    """Names of the secret fields that are encrypted.

    Raises:
        InvalidConfig: If the file is no JSON object.
    """
    return tuple(place.name for place in secret_places(_parse(content, path)) if is_sealed(place.text))


def _parse(content: bytes, path: Path) -> Json:
    parsed = parse_json(content, path)
    if not isinstance(parsed, dict):
        raise InvalidConfig(str(path), "", "", "must be a JSON object", RESTORE)
    return parsed


def _header(content: Json, path: Path) -> EncryptionHeader | None:
    if ENCRYPTION not in content:
        return None
    return check_model(_HEADER, content[ENCRYPTION], path.with_name(f"{path.name} {ENCRYPTION}"))


def _open(content: Json, path: Path, around: Surroundings) -> CredentialsDocument:
    header = _header(content, path)
    opened = copy.deepcopy({name: value for name, value in content.items() if name != ENCRYPTION})
    sealed = [place for place in secret_places(opened) if is_sealed(place.text)]
    if sealed:
        if header is None:
            raise InvalidConfig(str(path), ENCRYPTION, "", "is missing, but there are encrypted fields", RESTORE)
        key = provider_named(header.provider, around).find(header)
        for place in sealed:
            place.section[place.key] = _opened(key, place, path)
    return check_model(CREDENTIALS, opened, path, hide_values=True)


def _opened(key: SecretKey, place: SecretPlace, path: Path) -> str:
    try:
        return unseal(key, str(place.text), path.name, place.name)
    except CannotOpen as error:
        raise InvalidConfig(str(path), place.name, "", str(error), RESTORE) from None


def _sealed_or_kept(key: SecretKey, place: SecretPlace, kept: object, path: Path) -> str:
    text = str(place.text)
    if isinstance(kept, str):
        try:
            if unseal(key, kept, path.name, place.name) == text:
                return kept
        except CannotOpen:
            pass
    return seal(key, text, path.name, place.name)


def _key_for_writing(
    before: Json, path: Path, around: Surroundings, provider_name: str
) -> tuple[EncryptionHeader, SecretKey, str]:
    header = _header(before, path)
    if header is not None:
        return header, provider_named(header.provider, around).find(header), ""
    provider = provider_named(provider_name or DEFAULT_PROVIDER, around)
    key, parameters = provider.make()
    header = EncryptionHeader(version=1, provider=provider.name, key_id=key.key_id, parameters=parameters)
    notice = ""
    if isinstance(provider, KeyFile):
        notice = KEY_FILE_NOTICE.format(credentials=path, key=provider.path)
    return header, key, notice
