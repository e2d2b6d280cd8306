"""One engine per exchange key on this machine, also from another folder: a lock that dies with its process."""

import errno
import hashlib
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from operations.engine_lock import AlreadyRunning, EngineLock

MACHINE_ID = Path("/etc/machine-id")
NAME_LENGTH = 32
_CREDENTIALS = struct.Struct("3i")


class ExchangeKeyLocks:
    """Holds one abstract Unix socket per key, named by a salted hash; a lock file where there are no such sockets.

    The name tells nothing of the key, and it is the same for every folder and user of the machine.
    """

    def __init__(self, keys: Iterable[tuple[str, str]], *, is_abstract: bool = sys.platform == "linux") -> None:
        """Name the keys.

        Args:
            keys: Pairs of exchange and API key; an empty key (paper) is not locked.
            is_abstract: Whether the system has abstract sockets.
        """
        self._exchanges = {_name_of(exchange, key): exchange for exchange, key in keys if key}
        self._is_abstract = is_abstract
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Take every lock, or none.

        Raises:
            AlreadyRunning: With the exchange and the holder's process id.
        """
        try:
            for name, exchange in self._exchanges.items():
                self._take(name, exchange)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release every lock."""
        self._held.close()

    def _take(self, name: str, exchange: str) -> None:
        if not self._is_abstract:
            folder = Path(tempfile.gettempdir()) / f"trade-engine-{os.getuid()}"
            self._held.enter_context(EngineLock(folder / f"{name}.lock"))
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(f"\0trade-engine-{name}")
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise AlreadyRunning(
                f"{exchange}: another engine trades with this key (process {_holder(name)}); stop it first"
            ) from None
        listener.listen()
        self._held.enter_context(listener)


def _name_of(exchange: str, key: str) -> str:
    machine = MACHINE_ID.read_text().strip() if MACHINE_ID.exists() else ""
    meaning = f"trade-engine exchange key\x1f{machine}\x1f{exchange}\x1f{key}"
    return hashlib.sha256(meaning.encode()).hexdigest()[:NAME_LENGTH]


def _holder(name: str) -> str:
    """The process that listens on a lock's socket, as the kernel tells it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.settimeout(1.0)
        try:
            asker.connect(f"\0trade-engine-{name}")
            credentials = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return "unknown"
    return str(_CREDENTIALS.unpack(credentials)[0])
