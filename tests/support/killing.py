"""Kill a job at a moment that the files of its lake show."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from event_lake.config.lake_root import bucket_and_folder
from event_lake.lake import layout


class Lake:
    """The files of a lake, which show how far the job with the streaming query named `query` has come.

    `logs` are two folders of the query's checkpoint. The first has a file for each batch that is planned, the second
    one for each that is done. `s3` is boto3's client for a lake in S3; without it the lake is a local folder.
    """

    def __init__(
        self, root: str, query: str, logs: tuple[str, str] = ("offsets", "commits"), s3: Any | None = None
    ) -> None:
        self._root = root
        self._s3 = s3
        self._planned, self._done = logs
        self._checkpoint = layout.checkpoint_path(root, query)

    def planned(self) -> set[str]:
        """Return the names of the batches that are planned; a batch is planned before it's read."""
        return self._names(self._checkpoint, self._planned, "[0-9]*")

    def done(self) -> set[str]:
        """Return the names of the batches that are done; that is the last thing to be written of a batch."""
        return self._names(self._checkpoint, self._done, "[0-9]*")

    def commits(self, table: layout.Table) -> set[str]:
        """Return the names of a table's commits."""
        return self._names(table.path(self._root), "_delta_log", "*.json")

    def files(self, table: layout.Table) -> set[str]:
        """Return the names of a table's data files, committed or not."""
        return self._names(table.path(self._root), "", "**/*.parquet")

    def _names(self, folder: str, of: str, pattern: str) -> set[str]:
        if self._s3 is None:
            return {file.name for file in Path(folder, of).glob(pattern)}
        bucket, key = bucket_and_folder(f"{folder}/{of}".removesuffix("/"))
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        keys = (PurePosixPath(item["Key"]) for page in pages for item in page.get("Contents", ()))
        return {name.name for name in keys if fnmatch(str(name.relative_to(key)), pattern)}


def wait_for_more(names: Callable[[], set[str]], assert_runs: Callable[[], None]) -> None:
    """Wait until `names` returns some that it doesn't return now. `assert_runs` raises if there will be none."""
    before = names()
    while names() <= before:
        assert_runs()
        time.sleep(0.002)


@contextmanager
def job(log: Path, name: str, *flags: str, package: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run the job in a process of its own while the block runs, with its output in `log`, and kill it at the end.

    `package` is a folder with the package event_lake to run it from, if that isn't the installed one.
    """
    command = [sys.executable, f"jobs/{name}.py", "--config", "conf/local.toml", *flags]
    env = os.environ | ({"PYTHONPATH": str(package)} if package else {})
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, env=env) as running:
        try:
            yield running
        finally:
            kill(running)


def assert_runs(running: subprocess.Popen[Any], log: Path) -> None:
    """Fail the test, with the log, if the process has ended by itself."""
    assert running.poll() is None, log.read_text()


def kill(running: subprocess.Popen[Any]) -> None:
    """Kill the job's Python, its JVM and its workers with SIGKILL, as if the machine died."""
    with suppress(psutil.NoSuchProcess):
        job = psutil.Process(running.pid)
        for process in [job, *job.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    running.wait()
