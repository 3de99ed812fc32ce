"""Killing a job at a moment that the files of its lake tell."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from event_lake.lake import layout


class Lake:
    """What the files of a lake tell of the batch that the job with this `query` is at.

    `logs` are the folders of its checkpoint that have a file for each batch that is planned, and for each that is done.
    """

    def __init__(self, root: str, query: str, logs: tuple[str, str] = ("offsets", "commits")) -> None:
        self._root = root
        self._planned, self._done = logs
        self._checkpoint = layout.checkpoint_path(root, query)

    def planned(self) -> set[str]:
        """The batches in the offset log: each is there before anything of it is read."""
        return self._names(self._checkpoint, self._planned, "[0-9]*")

    def done(self) -> set[str]:
        """The batches in the commit log: the last thing that is written of each."""
        return self._names(self._checkpoint, self._done, "[0-9]*")

    def commits(self, table: layout.Table) -> set[str]:
        """The commits of a table."""
        return self._names(table.path(self._root), "_delta_log", "*.json")

    def files(self, table: layout.Table) -> set[str]:
        """The data files of a table, committed or not."""
        return self._names(table.path(self._root), ".", "**/*.parquet")

    def _names(self, folder: str, of: str, pattern: str) -> set[str]:
        return {file.name for file in Path(folder, of).glob(pattern)}


def wait_for_more(names: Callable[[], set[str]], runs: Callable[[], None]) -> None:
    """Wait until there are names that weren't there before; `runs` raises if there will be none."""
    before = names()
    while names() <= before:
        runs()
        time.sleep(0.002)


@contextmanager
def job(log: Path, name: str, *flags: str, package: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The job runs on its own while the block does, with what it says in `log`; it's killed at the end.

    `package`: the folder with the package that it is to be of, if not the installed one.
    """
    command = [sys.executable, f"jobs/{name}.py", "--config", "conf/local.toml", *flags]
    env = os.environ | ({"PYTHONPATH": str(package)} if package else {})
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, env=env) as running:
        try:
            yield running
        finally:
            kill(running)


def assert_runs(running: subprocess.Popen[Any], log: Path) -> None:
    """It hasn't ended by itself."""
    assert running.poll() is None, log.read_text()


def kill(running: subprocess.Popen[Any]) -> None:
    """SIGKILL for the job's Python, its JVM and its workers: what a machine does that dies."""
    with suppress(psutil.NoSuchProcess):
        job = psutil.Process(running.pid)
        for process in [job, *job.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    running.wait()
