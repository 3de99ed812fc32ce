"""SIGKILL at chosen moments while events arrive and shards are resharded: each accepted event is in raw once.

`make test` kills 3 times, `make test-faults` 20 times (KILLS); CRASH_SEED chooses the moments.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import boto3
import psutil
from pyspark.sql import SparkSession

from emulators import Stream, kinesis_local_endpoint, merge, open_shards, split, wait_until_active
from event_lake import tables
from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS
from event_lake.generator.put import RecordPutter, batches, paced
from event_lake.generator.sequence import EVENT, LATE, Record, records

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
RATE = 100
MOST_SHARDS = 6


def test_kills_while_events_arrive_and_shards_are_resharded_leave_each_event_once(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    rng = Random(SEED)
    log = tmp_path / "log"
    with kinesis_local_endpoint() as url:
        boto = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1")
        boto.create_stream(StreamName="crashes", ShardCount=2)
        wait_until_active(boto, "crashes")
        stream = Stream("crashes", url)
        with _arriving(stream) as sent:
            for kill in range(KILLS):
                moment = MOMENTS[(kill + SEED) % len(MOMENTS)]
                with _job(stream, root, log, "--set", "raw.trigger_interval='1 second'") as running:
                    _reshard(boto, stream.name, rng)
                    moment(Lake(root), lambda running=running: _assert_runs(running, log), rng)
                    _kill(running)
        with _job(stream, root, log, "--until-caught-up") as last:
            assert last.wait() == 0, log.read_text()
    _assert_each_once(spark, root, sent)


class Lake:
    """What the files of a lake tell of the batch that the job is at."""

    def __init__(self, root: str) -> None:
        self._root = root

    def planned(self) -> set[str]:
        """The batches in the offset log: each is there before anything of it is read."""
        return self._names(tables.checkpoint_path(self._root, "ingest_raw"), "offsets", "[0-9]*")

    def commits(self, table: tables.Table) -> set[str]:
        """The commits of a table."""
        return self._names(table.path(self._root), "_delta_log", "*.json")

    def _names(self, folder: str, of: str, pattern: str) -> set[str]:
        return {file.name for file in Path(folder, of).glob(pattern)}


def _between_plan_and_read(lake: Lake, runs: Callable[[], None], rng: Random) -> None:
    _wait_for_more(lake.planned, runs)


def _while_it_reads_and_writes(lake: Lake, runs: Callable[[], None], rng: Random) -> None:
    _wait_for_more(lake.planned, runs)
    time.sleep(rng.uniform(0, 2))


def _between_raw_and_ledger(lake: Lake, runs: Callable[[], None], rng: Random) -> None:
    _wait_for_more(lambda: lake.commits(tables.RAW_EVENTS), runs)


def _between_ledger_and_commit_log(lake: Lake, runs: Callable[[], None], rng: Random) -> None:
    _wait_for_more(lambda: lake.commits(tables.LEDGER), runs)


MOMENTS = (
    _between_ledger_and_commit_log,
    _between_plan_and_read,
    _while_it_reads_and_writes,
    _between_raw_and_ledger,
)


def _wait_for_more(names: Callable[[], set[str]], runs: Callable[[], None]) -> None:
    before = names()
    while names() <= before:
        runs()
        time.sleep(0.002)


@contextmanager
def _arriving(stream: Stream) -> Iterator[list[Record]]:
    """Puts events at their pace while the block runs; gives what was put."""
    sent: list[Record] = []
    enough = threading.Event()

    def produce() -> None:
        timeline = Timeline(seed=3, start_ms=int(datetime.now(UTC).timestamp() * 1000), rate=RATE)
        putter = RecordPutter(stream.client())
        for batch in paced(batches(records(timeline, first=0, count=10**6), most_seconds=0.5)):
            putter.put(batch)
            sent.extend(batch)
            if enough.is_set():
                return

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        yield sent
    finally:
        enough.set()
        producer.join()


@contextmanager
def _job(stream: Stream, root: str, log: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    job = [sys.executable, "jobs/ingest_raw.py", "--config", "conf/local.toml", *stream.overrides(root), *flags]
    with log.open("ab") as out, subprocess.Popen(job, stdout=out, stderr=out) as running:
        try:
            yield running
        finally:
            _kill(running)


def _assert_runs(running: subprocess.Popen[bytes], log: Path) -> None:
    assert running.poll() is None, log.read_text()


def _reshard(boto: Any, name: str, rng: Random) -> None:
    shards = open_shards(boto, name)
    index = rng.randrange(len(shards))
    if len(shards) < MOST_SHARDS and (index == 0 or rng.random() < 0.5):
        split(boto, name, shards[index])
    else:
        merge(boto, name, *shards[max(0, index - 1) :][:2])


def _kill(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the job's Python, its JVM and its workers: what a machine does that dies."""
    with suppress(psutil.NoSuchProcess):
        job = psutil.Process(running.pid)
        for process in [job, *job.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    running.wait()


def _assert_each_once(spark: SparkSession, root: str, sent: list[Record]) -> None:
    def rows(table: tables.Table) -> Any:
        return spark.read.format("delta").load(table.path(root))

    good = [record.data.decode() for record in sent if record.kind in (EVENT, LATE)]
    assert Counter(row.payload for row in rows(tables.RAW_EVENTS).select("payload").collect()) == Counter(good)
    bad = [record.data for record in sent if record.kind in FAULTS]
    assert Counter(bytes(row.data) for row in rows(tables.QUARANTINE).select("data").collect()) == Counter(bad)
    [read] = rows(tables.LEDGER).selectExpr("sum(read)").first() or [None]
    assert read == len(sent)
