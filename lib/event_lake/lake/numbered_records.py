"""Store the record of a lease as numbered files, on a file system that makes a file only if there's none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from event_lake.config.lake_root import scheme_of
from event_lake.errors import ServiceUnavailableError
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.layout import path_below
from event_lake.lake.storage_errors import explain

_ATTEMPTS = 3

# Writes a text to a path if there's no file, and tells whether there was none. Of several that do so at once, in
# whatever processes, one succeeds. Nobody ever sees a part of the text.
Put = Callable[[str, str], bool]


class Files(Protocol):
    """The files of a file system, as far as `NumberedRecords` needs them; `HadoopFiles` are some."""

    def numbers(self, folder: str) -> list[int]:
        """Return the names of the files in a folder that are numbers."""

    def read(self, path: str) -> str:
        """Return the text of a file; raise OSError if it isn't there."""

    def delete(self, path: str) -> None:
        """Delete a file, if it's there."""


def find_put(files: HadoopFiles, root: str) -> Put | None:
    """Return the way to make a file at `root` only if there's none, or None where Hadoop promises no such way.

    On HDFS a file is renamed, which the name node does at once, and never onto another file. Other file systems must
    say that they create files on the condition that there is none, as S3A does from Hadoop 3.4.2 on. HDFS must not be
    asked for that: it takes the condition, and overwrites. Source: Hadoop's documentation, "The Hadoop FileSystem API
    Definition" and `Options.CreateFileOptionKeys`.
    """
    if scheme_of(root) == "hdfs":
        return files.put_by_rename
    return files.put_on_condition if files.knows_conditions(root) else None


class NumberedRecords:
    """A record in the folder `<root>/_leases/<name>/`: the file with the highest number, which is its version.

    Each write makes the file with the next number, by `put`. A process may come late, when that file was made and
    deleted again. So the write counts only if no higher number is there afterwards: files are deleted only once there
    is one with a higher number. All methods raise EventLakeError if the file system fails.
    """

    def __init__(self, root: str, name: str, files: Files, put: Put) -> None:
        self.lake = root
        self._folder = path_below(root, f"_leases/{name}")
        self._files = files
        self._put = put

    def read(self) -> tuple[bytes, str] | None:
        """Return content and version of the record, or None if there is none."""
        with self._explained():
            for _ in range(_ATTEMPTS):
                newest = self._newest()
                if newest == 0:
                    return None
                try:
                    return self._files.read(self._path(newest)).encode(), str(newest)
                except OSError:
                    # Its owner may have written the next one, and deleted it.
                    if self._newest() == newest:
                        raise
        raise ServiceUnavailableError(f"lake {self.lake}: {self._folder} couldn't be read {_ATTEMPTS} times")

    def create(self, content: bytes) -> str | None:
        """Write the first record and return its version, or return None if there is a record already."""
        return self._write(0, content)

    def replace(self, version: str, content: bytes) -> str | None:
        """Replace the record at `version` and return the new version, or return None if that is replaced already."""
        return self._write(int(version), content)

    def _write(self, expected: int, content: bytes) -> str | None:
        with self._explained():
            number = expected + 1
            if self._newest() != expected or not self._put(self._path(number), content.decode()):
                return None
            numbers = self._files.numbers(self._folder)
            if max(numbers, default=0) != number:
                return None
            for old in numbers:
                if old < number:
                    self._files.delete(self._path(old))
            return str(number)

    def _newest(self) -> int:
        return max(self._files.numbers(self._folder), default=0)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (Py4JError, PySparkException, OSError) as error:
            # HadoopFiles.read raises an OSError because of one of Java's, which says more.
            reason = error.__cause__ if isinstance(error.__cause__, Py4JError) else error
            text = str(getattr(reason, "java_exception", reason)).splitlines()
            unknown = ServiceUnavailableError(f"lake {self.lake}: {self._folder}: {text[0] if text else repr(error)}")
            raise explain(reason, self._folder) or unknown from error
