"""Where a lease's record lies: in the lake itself, a folder or S3."""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from event_lake.aws.s3 import S3Object
from event_lake.errors import UserError


class LeaseStore(Protocol):
    """The record of a lease of `lake`. Each content that is written must be another.

    All methods raise EventLakeError where the storage fails; what was to be written may then be there or not, or come
    there later. A None from `create` or `replace` may be due to an earlier attempt of the caller's own: `read` tells.
    """

    lake: str

    def read(self) -> tuple[bytes, str] | None:
        """Content and version, or None where there's no record."""

    def create(self, content: bytes) -> str | None:
        """The new version, or None if there is a record already."""

    def replace(self, version: str, content: bytes) -> str | None:
        """The new version, or None if the record isn't at `version` any more."""


def lease_store(root: str, name: str) -> LeaseStore | None:
    """That of the lease called `name` of the lake at `root`; None on storage that we can't write on conditions."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", root)
    if scheme is None:
        return LocalFile(root, name)
    return S3Object(root, name) if scheme[1] in ("s3", "s3a") else None


class LocalFile:
    """`<root>/_leases/<name>.json` of a lake in a folder, which is made with the record.

    Its versions are hashes. All methods raise UserError where the folder can't be written.
    """

    def __init__(self, root: str, name: str) -> None:
        self.lake = root
        self._path = Path(root).absolute() / "_leases" / f"{name}.json"

    def read(self) -> tuple[bytes, str] | None:
        """Content and version, or None where there's no such file."""
        with self._explained():
            try:
                content = self._path.read_bytes()
            except FileNotFoundError:
                return None
        return content, _version(content)

    def create(self, content: bytes) -> str | None:
        """The new version, or None if there is a file already."""
        return self._write(None, content)

    def replace(self, version: str, content: bytes) -> str | None:
        """The new version, or None if the file isn't at `version` any more."""
        return self._write(version, content)

    def _write(self, expected: str | None, content: bytes) -> str | None:
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A file beside the record is locked: the record is another file after each rename.
            with self._path.with_suffix(".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                found = self.read()
                if (found[1] if found else None) != expected:
                    return None
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(content)
                fresh.replace(self._path)
        return _version(content)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"lake {self.lake}: {error.filename or self._path}: {error.strerror}; check lake.root and its disk"
            ) from error


def _version(content: bytes) -> str:
    return sha256(content).hexdigest()
