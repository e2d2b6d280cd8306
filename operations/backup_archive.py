"""The archive of a backup: a packed tar whose manifest names every file with its size and its SHA-256."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from config.files import PRIVATE_MODE, sync_directory
from core.model.failures import InvalidInput, StorageFailure

FORMAT = 1
MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """One file of an archive.

    Attributes:
        size: Bytes.
        digest: SHA-256 as hex.
    """

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        made_at: UTC time as ISO text.
        files: By name relative to the home.
    """

    made_at: str
    files: Mapping[str, Packed]


class _Counted:
    """A file's first bytes, up to a size that was fixed before, with their digest."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size
        self._digest = hashlib.sha256()

    def read(self, count: int) -> bytes:
        block = self._file.read(min(count, self._left))
        self._left -= len(block)
        self._digest.update(block)
        return block

    def digest(self) -> str:
        return self._digest.hexdigest()


def write_archive(target: Path, files: Mapping[str, Path], made_at: str) -> Manifest:
    """Write an archive of whole files; of a record that grows meanwhile, the whole lines it had.

    Args:
        target: Must not exist; appears only when it is complete, with mode 0600.
        files: Where each file lies, by its name in the archive.
        made_at: UTC time as ISO text.

    Raises:
        StorageFailure: If something cannot be read or written.
    """
    packed: dict[str, Packed] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup.") as folder:
            draft = Path(folder) / "draft"
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
            with os.fdopen(descriptor, "w+b") as raw:
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6, dereference=True) as archive:
                    for name, path in files.items():
                        packed[name] = _add(archive, name, path)
                    manifest = Manifest(made_at, packed)
                    _add_manifest(archive, manifest)
                raw.flush()
                os.fsync(raw.fileno())
            target.hardlink_to(draft)
            sync_directory(target.parent)
    except OSError as error:
        raise StorageFailure(f"{target}: the backup cannot be written: {error.strerror or error}") from error
    return manifest


def unpack_archive(path: Path, folder: Path) -> Manifest:
    """Unpack an archive into an empty folder and prove that every file is what was packed.

    Raises:
        InvalidInput: If it is no backup, or is damaged: nothing of it should then be used.
        StorageFailure: If it cannot be read, or the folder cannot be written.
    """
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            archive.extractall(folder, filter="data")
        manifest = _read_manifest(path, folder / MANIFEST)
        (folder / MANIFEST).unlink()
        found = {str(item.relative_to(folder)): item for item in sorted(folder.rglob("*")) if item.is_file()}
        for name in {*found, *manifest.files}:
            _check(path, name, found.get(name), manifest.files.get(name))
    except (tarfile.TarError, EOFError, ValueError, KeyError) as error:
        raise InvalidInput(f"{path}: is no backup, or is damaged: {error}") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) or error.errno:
            raise StorageFailure(f"{path}: cannot be unpacked: {error.strerror or error}") from error
        raise InvalidInput(f"{path}: is no backup, or is damaged: {error}") from error
    return manifest


def _add(archive: tarfile.TarFile, name: str, path: Path) -> Packed:
    with path.open("rb") as file:
        entry = archive.gettarinfo(arcname=name, fileobj=file)
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode &= 0o700
        if path.suffix == ".jsonl":
            entry.size = _whole_lines(file, entry.size)
        counted = _Counted(file, entry.size)
        archive.addfile(entry, counted)  # type: ignore[arg-type]  # needs nothing but read
    return Packed(entry.size, counted.digest())


def _whole_lines(file: IO[bytes], size: int) -> int:
    """How much of the first `size` bytes ends with a line; the file is at its beginning afterwards."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            file.seek(0)
            return start + newline + 1
        end = start
    file.seek(0)
    return 0


def _add_manifest(archive: tarfile.TarFile, manifest: Manifest) -> None:
    files = {name: {"size": one.size, "sha256": one.digest} for name, one in manifest.files.items()}
    content = json.dumps({"format": FORMAT, "made_at": manifest.made_at, "files": files}, indent=1).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size, entry.mode = len(content), PRIVATE_MODE
    archive.addfile(entry, io.BytesIO(content))


def _read_manifest(archive: Path, path: Path) -> Manifest:
    if not path.is_file():
        raise InvalidInput(f"{archive}: is no backup, or is damaged: it has no {MANIFEST}")
    content = json.loads(path.read_bytes())
    if content["format"] != FORMAT:
        raise InvalidInput(f"{archive}: of format {content['format']}, this release reads {FORMAT}")
    files = {name: Packed(int(one["size"]), str(one["sha256"])) for name, one in content["files"].items()}
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InvalidInput(f"{archive}: names a file outside the home: {name}")
    return Manifest(str(content["made_at"]), files)


def _check(archive: Path, name: str, found: Path | None, packed: Packed | None) -> None:
    if found is None or packed is None:
        raise InvalidInput(f"{archive}: is damaged: {name} is {'missing' if found is None else 'not in its manifest'}")
    with found.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if (found.stat().st_size, digest) != (packed.size, packed.digest):
        raise InvalidInput(f"{archive}: is damaged: {name} is not what was packed")
