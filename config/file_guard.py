"""Files that are not as their owner should have left them are refused before they are read or replaced."""

import os
import stat
from pathlib import Path

from core.model.failures import InvalidConfig


def check_private(path: Path) -> None:
    """Nothing, where the file is ours alone or is not there.

    Raises:
        InvalidConfig: If it belongs to another user, or group or others may do anything with it.
    """
    status = _status(path)
    if status is None:
        return
    _check_owner(path, status)
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        problem = f"others than its owner may use it (mode {mode:04o})"
        raise InvalidConfig(str(path), "", "", problem, f"Run `chmod 600 {path}`.")


def check_may_replace(path: Path) -> None:
    """Nothing, where the file may be replaced or is not there.

    Raises:
        InvalidConfig: If it belongs to another user, is read-only, or is no ordinary file.
    """
    status = _status(path)
    if status is None:
        return
    if not stat.S_ISREG(status.st_mode):
        raise InvalidConfig(str(path), "", "", "is not an ordinary file", "Move it away.")
    _check_owner(path, status)
    if not status.st_mode & stat.S_IWUSR:
        raise InvalidConfig(str(path), "", "", "is read-only", f"Run `chmod u+w {path}` if it may be changed.")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        problem = f"belongs to the user with number {status.st_uid}, not to the one running this"
        raise InvalidConfig(str(path), "", "", problem, f"Run `chown {os.geteuid()} {path}` if it is yours.")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(
            str(path), "", "", f"cannot be looked at: {error.strerror or error}", "Check the folder's owner and mode."
        ) from error
