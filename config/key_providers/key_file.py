"""The default: a key in the user's own configuration folder."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.file_guard import check_private
from config.files import PRIVATE_MODE, write_atomically
from config.key_providers.provider import Parameters, Surroundings, pick_key
from config.schemas.reading import read_bytes
from config.secret_store import EncryptionHeader, SecretKey
from core.model.failures import InvalidConfig, InvalidInput

KEY_FILE_VARIABLE = "TRADE_ENGINE_KEY_FILE"

KEY_FILE_NOTICE = """\
The secrets in {credentials} are encrypted with the key in
{key}, made now for them.
This protects copies and backups of the project's folder, and a glance at the file. It does not protect against
someone who can read this user's files or is root on this machine: for that, use a passphrase or another provider
(`./engine secrets rotate --help`). Keep a copy of the key elsewhere: without it the secrets cannot be read."""


class KeyFile:
    """A file with mode 0600 in the user's configuration folder: one `key_id base64` a line, the newest last."""

    name = "key_file"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.path = key_file_path(around)

    def make(self) -> tuple[SecretKey, Parameters]:
        """A new key, kept beside older ones: other installations and backups may need those."""
        if self.path.resolve().is_relative_to(self._around.home.path.resolve()):
            raise InvalidConfig(
                str(self.path), "", "", "lies inside the project, and so in its backups", f"Set {KEY_FILE_VARIABLE}."
            )
        key = SecretKey.random()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            keys = self._keys() if self.path.exists() else []
            self._write([*keys, key])
        return key, {}

    def find(self, header: EncryptionHeader) -> SecretKey:
        """The key with the header's id."""
        return pick_key(self._keys(), header, str(self.path), "Restore the key file.")

    def forget_others(self, key_id: str) -> int:
        """Remove every other key; how many there were."""
        with self._locked():
            keys = self._keys()
            kept = [key for key in keys if key.key_id == key_id]
            self._write(kept)
        return len(keys) - len(kept)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among processes: of two that add a key at once, neither may lose its own."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, keys: Iterable[SecretKey]) -> None:
        write_atomically(self.path, "".join(f"{key.key_id} {key.text}\n" for key in keys).encode(), PRIVATE_MODE)

    def _keys(self) -> list[SecretKey]:
        check_private(self.path)
        content = read_bytes(self.path, "Restore the key file from your copy.")
        try:
            return [SecretKey.parse(line.split()[-1]) for line in content.decode().splitlines() if line.strip()]
        except (InvalidInput, UnicodeDecodeError):
            pass
        raise InvalidConfig(str(self.path), "", "", "is not a key file", "Restore it from your copy.")


def key_file_path(around: Surroundings) -> Path:
    """TRADE_ENGINE_KEY_FILE, else `${XDG_CONFIG_HOME:-~/.config}/trade-engine/key`."""
    named = around.environment.get(KEY_FILE_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    folder = around.environment.get("XDG_CONFIG_HOME", "")
    base = Path(folder) if folder else Path(around.environment.get("HOME", "~")).expanduser() / ".config"
    return base / "trade-engine" / "key"
