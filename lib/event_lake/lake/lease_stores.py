"""Store a record beside a lake's tables, like that of a lease: in a folder, or in S3."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from event_lake.aws.s3 import S3Object
from event_lake.config.lake_root import absolute_root, lies_in_s3, scheme_of
from event_lake.config.settings import Lake
from event_lake.errors import UserError


class LeaseStore(Protocol):
    """A place for one record of the lake `lake`: that of a lease, or the outcomes of a job.

    The storage gives each content that is written a version, which may be a hash of it. So the caller writes no content
    twice; but a request to stop that is taken back leaves what the owner wrote last, at which the owner goes on. All
    methods raise EventLakeError if the storage fails; the content may then have been written, may come
    later, or never. If `create` or `replace` returns None, an earlier attempt of the caller may be the reason: `read`
    shows it.
    """

    lake: str

    def read(self) -> tuple[bytes, str] | None:
        """Return content and version of the record, or None if there is none."""

    def create(self, content: bytes) -> str | None:
        """Write the first record and return its version, or return None if there is a record already."""

    def replace(self, version: str, content: bytes) -> str | None:
        """Replace the record at `version` and return the new version, or return None if that is replaced already."""


def lease_store(root: str, name: str) -> LeaseStore | None:
    """Return the store for the record `name` of the lake at `root`.

    Return None on storage that has no conditional writes that Event Lake knows: all but local folders and S3.
    """
    if scheme_of(root) is None:
        return LocalFile(root, name)
    return S3Object(root, name) if lies_in_s3(root) else None


def is_kept_by_spark(lake: Lake) -> bool:
    """True if only Spark's file system reaches the lake's leases, if there are any."""
    if lies_in_s3(lake.root):
        return lake.lease == "hadoop"
    return scheme_of(lake.root) is not None


class LocalFile:
    """A record in the file `<root>/_leases/<name>.json`; its version is a hash of its content.

    The first write makes the folder. All methods raise UserError if the file can't be read or written.
    """

    def __init__(self, root: str, name: str) -> None:
        self.lake = root
        self._path = Path(absolute_root(root)) / "_leases" / f"{name}.json"

    def read(self) -> tuple[bytes, str] | None:
        """Return content and version of the record, or None if the file isn't there."""
        with self._explained():
            try:
                content = self._path.read_bytes()
            except FileNotFoundError:
                return None
        return content, _version(content)

    def create(self, content: bytes) -> str | None:
        """Write the first record and return its version, or return None if there is a file already."""
        return self._write(None, content)

    def replace(self, version: str, content: bytes) -> str | None:
        """Replace the record at `version` and return the new version, or return None if that is replaced already."""
        return self._write(version, content)

    def _write(self, expected: str | None, content: bytes) -> str | None:
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A lock on the record's own file would be lost, as each write renames another file to its name.
            with self._path.with_suffix(".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                record = self.read()
                if (record[1] if record else None) != expected:
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
