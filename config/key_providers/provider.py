"""The one small interface of all key providers, and what they may look at."""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from config.file_guard import check_private
from config.home import Home
from config.overrides import read_environment_file
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig, InvalidInput

Parameters = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What providers may look at.

    Attributes:
        home: Whose credentials.
        environment: The process's variables.
        ask: Asks a person for a passphrase; None where there is nobody.
        known_keys: Keys that a person's answers gave, by their ids, so that nobody is asked twice.
    """

    home: Home
    environment: Mapping[str, str]
    ask: Callable[[str], str] | None = None
    known_keys: dict[str, SecretKey] = field(default_factory=dict, repr=False, compare=False)

    def variable(self, name: str) -> str:
        """A variable of the process, else of the home's `.env`, else empty.

        Raises:
            InvalidConfig: If `.env` holds it and others than its owner may read that file.
        """
        value = self.environment.get(name, "")
        if value:
            return value
        value = read_environment_file(self.home).get(name, "")
        if value:
            check_private(self.home.environment_file)
        return value

    def systemd_credential(self, name: str) -> str:
        """A credential that systemd passed to the service, else empty."""
        folder = self.environment.get("CREDENTIALS_DIRECTORY", "")
        path = Path(folder) / name
        return path.read_text().strip() if folder and path.is_file() else ""


@cache
def process_surroundings(home: Home) -> Surroundings:
    """Those of this process, the same each time; a person can be asked when standard input is a terminal."""
    ask = getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None
    return Surroundings(home, os.environ, ask)


class KeyProvider(Protocol):
    """Keeps data keys."""

    @property
    def name(self) -> str:
        """As the header of a file names it."""
        ...

    def make(self) -> tuple[SecretKey, Parameters]:
        """A new key, already kept, and what finds it again.

        Raises:
            InvalidConfig: If the provider has no place or material for it.
        """
        ...

    def find(self, header: EncryptionHeader) -> SecretKey:
        """The key of a file.

        Raises:
            InvalidConfig: If it is not there; never another key than the header names.
        """
        ...


def parse_keys(texts: list[str], place: str, name: str) -> list[SecretKey]:
    """The keys among some texts, of which empty ones are none.

    Raises:
        InvalidConfig: If one is no key; it is not shown.
    """
    try:
        return [SecretKey.parse(text) for text in texts if text]
    except InvalidInput as error:
        raise InvalidConfig(place, name, "", str(error), "Give the key as it was made.") from None


def pick_key(keys: list[SecretKey], header: EncryptionHeader, place: str, remedy: str) -> SecretKey:
    """The key that a header names.

    Raises:
        InvalidConfig: If it is not among them.
    """
    for key in keys:
        if key.key_id == header.key_id:
            return key
    found = ", ".join(key.key_id for key in keys) or "none"
    problem = f"the secrets were encrypted with the key {header.key_id}; here is {found}"
    raise InvalidConfig(place, "", "", problem, remedy)
