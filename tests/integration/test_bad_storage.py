"""Storage that fails under the real job: one line, its exit code, and with the way out each event is there once.

Each start of a job takes its time, so `make test-faults` runs them.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout
from support.emulators import Stream

pytestmark = pytest.mark.faults

_MOST_SECONDS = 300
_QUICK = ("--set", "raw.trigger_interval='1 second'", "--set", "progress.log=json")
_FEW_PARTITIONS = ("--set", 'spark."spark.sql.shuffle.partitions"="2"')


class Sender:
    """Puts good events and junk, and knows what it has put."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.events: list[str] = []
        self.junk: list[bytes] = []

    def put(self) -> None:
        first = len(self.events)
        now = datetime.now(UTC).timestamp()
        made = [
            json.dumps({"event_uuid": f"uuid {n}", "event_name": f"lesson:{n % 2}", "created_at": now})
            for n in range(first, first + 6)
        ]
        junk = [b"junk after %d" % first]
        self.stream.put(*(text.encode() for text in made), *junk, key=str(first))
        self.events += made
        self.junk += junk


class Running:
    """A job that runs on and on; `ended` gives its exit code and the last line that it wrote."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []

    def wait_for_records(self) -> None:
        """Until a batch that read some is committed."""
        for line in self._told():
            if line.startswith("{") and json.loads(line).get("read"):
                return
        pytest.fail("".join(self._lines))

    def ended(self) -> tuple[int, str]:
        for _ in self._told():
            pass
        return self._process.wait(), self._lines[-1]

    def _told(self) -> Iterator[str]:
        assert self._process.stderr
        for line in self._process.stderr:
            self._lines.append(line)
            yield line


@pytest.fixture
def sender(stream: Stream) -> Sender:
    return Sender(stream)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB: nothing but a full one fails as a full one does."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system isn't allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_ends_the_job_and_with_space_it_goes_on(
    spark: SparkSession, sender: Sender, small_disk: Path
) -> None:
    root = f"{small_disk}/lake"
    sender.put()
    with running(sender.stream, root) as job:
        job.wait_for_records()
        filler = filled(small_disk)
        sender.put()
        code, line = job.ended()
    assert (code, line.split(root)[0]) == (2, "ingest_raw.py: UserError: no space left on the device of ")
    filler.unlink()
    assert caught_up(sender.stream, root)[0] == 0
    assert_each_once(spark, root, sender)


def test_a_table_that_is_removed_under_the_stream_is_never_begun_anew(
    spark: SparkSession, sender: Sender, root: str, tmp_path: Path
) -> None:
    table, backup = Path(layout.RAW_EVENTS.path(root)), tmp_path / "backup"
    sender.put()
    with running(sender.stream, root) as job:
        job.wait_for_records()
        table.rename(backup)
        sender.put()
        code, line = job.ended()
    missing = f"ingest_raw.py: DataLossError: there's no table at {table};"
    assert (code, line.split(" put it")[0], table.exists()) == (3, missing, False)
    code, line = caught_up(sender.stream, root)
    gone = f"ingest_raw.py: DataLossError: {table} is gone: by the ledger it held 6 rows of the batches 1 to 1;"
    assert (code, line.split(" put it")[0], table.exists()) == (3, gone, False)
    backup.rename(table)
    assert caught_up(sender.stream, root)[0] == 0
    assert_each_once(spark, root, sender)


def test_a_changed_schema_and_a_damaged_checkpoint_are_named_with_their_ways_out(
    spark: SparkSession, sender: Sender, root: str
) -> None:
    path = layout.QUARANTINE.path(root)
    sender.put()
    assert caught_up(sender.stream, root)[0] == 0

    mapped = "'delta.columnMapping.mode' = 'name', 'delta.minReaderVersion' = '2', 'delta.minWriterVersion' = '5'"
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({mapped})")
    spark.sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN partition_key TO key")
    sender.put()
    code, line = caught_up(sender.stream, root)
    changed = f"ingest_raw.py: UserError: {path} was changed by somebody else: DELTA_METADATA_MISMATCH"
    assert (code, line.split(": A ")[0]) == (2, changed)
    spark.sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN key TO partition_key")

    checkpoint = Path(layout.checkpoint_path(root, "ingest_raw"))
    for changelog in checkpoint.glob("state/0/*/*.changelog"):
        changelog.write_bytes(b"")
        changelog.with_name(f".{changelog.name}.crc").unlink(missing_ok=True)
    code, line = caught_up(sender.stream, root)
    damaged = f"ingest_raw.py: UserError: checkpoint {checkpoint} is damaged"
    assert (code, line.split(" (")[0], "--new-checkpoint" in line) == (2, damaged, True)
    assert caught_up(sender.stream, root, "--new-checkpoint")[0] == 0
    assert_each_once(spark, root, sender)


def filled(disk: Path) -> Path:
    """A file that takes all there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1))
    return filler


@contextmanager
def running(stream: Stream, root: str) -> Iterator[Running]:
    with process(stream, root, *_QUICK) as started:
        yield Running(started)


def caught_up(stream: Stream, root: str, *flags: str) -> tuple[int, str]:
    """The exit code and the last line of a job that reads what there is."""
    with process(stream, root, *_QUICK, "--until-caught-up", *flags) as started:
        return Running(started).ended()


@contextmanager
def process(stream: Stream, root: str, *flags: str) -> Iterator[subprocess.Popen[str]]:
    job = [sys.executable, "jobs/ingest_raw.py", "--config", "conf/local.toml", *stream.overrides(root)]
    command = [*job, *_FEW_PARTITIONS, *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as started:
        late = Timer(_MOST_SECONDS, lambda: killed(started.pid))
        late.start()
        try:
            yield started
        finally:
            late.cancel()
            killed(started.pid)


def killed(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        job = psutil.Process(pid)
        for each in [job, *job.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def assert_each_once(spark: SparkSession, root: str, sender: Sender) -> None:
    def column(table: layout.Table, name: str) -> list[Any]:
        return [row[name] for row in spark.read.format("delta").load(table.path(root)).select(name).collect()]

    assert Counter(column(layout.RAW_EVENTS, "payload")) == Counter(sender.events)
    assert Counter(map(bytes, column(layout.QUARANTINE, "data"))) == Counter(sender.junk)
    assert sum(column(layout.LEDGER, "read")) == len(sender.events) + len(sender.junk)
