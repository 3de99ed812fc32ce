"""SIGKILL before and after each commit of a batch, while events arrive, shards are resharded, and rules change.

Each run has rules of its own, and one of two versions of the package. A run that may not finish a batch under its
rules says so, and the next one takes the way out that the line names. Each record is in raw or in quarantine once, or
counted as a copy, and the reconciliation finds nothing wrong. `make test-kills` kills 3 times, `make test-faults` 30
times (KILLS); CRASH_SEED chooses the moments.
"""

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from event_lake.errors import UserError
from event_lake.generator.events import Timeline
from event_lake.generator.put import RecordPutter, batches, pace
from event_lake.generator.sequence import Record, records
from event_lake.lake import layout
from event_lake.lake.window import Window
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream, kinesis_local_endpoint, merge, open_shards, split, wait_until_active
from support.killing import Lake, assert_runs, job, kill, wait_for_more

pytestmark = pytest.mark.kills

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
RATE = 100
MOST_SHARDS = 6


# Each changes what becomes of some records: events have 400 to 500 bytes, and bad ones are 400 days off.
RULES = (
    "raw.max_payload_bytes=10000000",
    "raw.max_payload_bytes=440",
    "raw.max_payload_bytes=470",
    "raw.max_future='1000 days'",
    "raw.max_age='1000 days'",
)
WAY_OUT = "ingest_raw --new-checkpoint, given once, resumes from the ledger"


class RefusedError(Exception):
    """A run may not finish the batch that it found."""


def test_kills_while_events_arrive_shards_are_resharded_and_rules_change_leave_each_record_once(
    spark: SparkSession, root: str, tmp_path: Path
) -> None:
    rng = Random(SEED)
    log = tmp_path / "log"
    versions = [_a_version(tmp_path, version) for version in ("0.1.1", "0.2.0")]
    with kinesis_local_endpoint() as url:
        boto = boto3.client("kinesis", endpoint_url=url, region_name="us-east-1")
        boto.create_stream(StreamName="crashes", ShardCount=2)
        wait_until_active(boto, "crashes")
        stream = Stream("crashes", url)
        way_out: list[str] = []
        refused = 0
        with _arriving(stream) as sent:
            for number in range(KILLS):
                moment = MOMENTS[(number + SEED) % len(MOMENTS)]
                rules = ["--set", "raw.trigger_interval='1 second'", "--set", rng.choice(RULES), *way_out]
                with _job(stream, root, log, *rules, package=rng.choice(versions)) as running:
                    _reshard(boto, stream.name, rng)
                    try:
                        wait_for_more(moment(Lake(root, "ingest_raw")), partial(_assert_goes_on, running, log))
                        # At once, or some way on to what comes next.
                        time.sleep(rng.choice((0, 0, rng.uniform(0, 2))))
                        way_out = []
                    except RefusedError:
                        refused += 1
                        way_out = ["--new-checkpoint"]
                    kill(running)
        for new_checkpoint in (True, False):
            ingest_raw(spark, stream.settings(root), IngestOptions(until_caught_up=True, new_checkpoint=new_checkpoint))
        print(f"{KILLS} kills, {refused} of the runs after them refused to finish a batch")
        _assert_each_once(spark, root, sent)
        reconcile(spark, stream.settings(root), Window()).refuse_faults()


def _a_version(folder: Path, version: str) -> Path:
    """The folder of a copy of the package that says to be another version."""
    lib = folder / version
    shutil.copytree("lib/event_lake", lib / "event_lake")
    (lib / "event_lake" / "__init__.py").write_text(f'__version__ = "{version}"\n', "utf-8")
    return lib


def _assert_goes_on(running: subprocess.Popen[bytes], log: Path) -> None:
    if running.poll() == UserError.exit_code and WAY_OUT in log.read_text("utf-8").splitlines()[-1]:
        raise RefusedError
    assert_runs(running, log)


def _once_it_is_planned(lake: Lake) -> Callable[[], set[str]]:
    return lake.planned


def _once_raw_has_a_file(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.files(layout.RAW_EVENTS)


def _once_raw_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(layout.RAW_EVENTS)


def _once_quarantine_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(layout.QUARANTINE)


def _once_the_ledger_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(layout.LEDGER)


def _once_spark_has_committed_it(lake: Lake) -> Callable[[], set[str]]:
    return lake.done


# Before and after each commit: what follows one is before the next. Raw's and quarantine's come in any order.
MOMENTS = (
    _once_the_ledger_is_committed,
    _once_raw_is_committed,
    _once_quarantine_is_committed,
    _once_spark_has_committed_it,
    _once_it_is_planned,
    _once_raw_has_a_file,
)


@contextmanager
def _arriving(stream: Stream) -> Iterator[list[Record]]:
    """Puts events at their pace while the block runs; gives what was put."""
    sent: list[Record] = []
    enough = threading.Event()

    def produce() -> None:
        timeline = Timeline(seed=3, start_ms=int(datetime.now(UTC).timestamp() * 1000), rate=RATE)
        putter = RecordPutter(stream.client())
        for batch in pace(batches(records(timeline, first=0, count=10**6), most_seconds=0.5)):
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


def _job(
    stream: Stream, root: str, log: Path, *flags: str, package: Path
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return job(log, "ingest_raw", *stream.overrides(root), *flags, package=package)


def _reshard(boto: Any, name: str, rng: Random) -> None:
    shards = open_shards(boto, name)
    index = rng.randrange(len(shards))
    if len(shards) < MOST_SHARDS and (index == 0 or rng.random() < 0.5):
        split(boto, name, shards[index])
    else:
        merge(boto, name, *shards[max(0, index - 1) :][:2])


def _assert_each_once(spark: SparkSession, root: str, sent: list[Record]) -> None:
    def held(table: layout.Table, column: str) -> Counter[bytes]:
        rows = spark.read.format("delta").load(table.path(root)).select(F.col(column).cast("binary")).collect()
        return Counter(bytes(row[0]) for row in rows)

    raw, quarantine = held(layout.RAW_EVENTS, "payload"), held(layout.QUARANTINE, "data")
    puts = Counter(record.data for record in sent)
    # A copy may come under other rules than the event did, and so be held beside it, but never as an event twice.
    assert max(raw.values()) == 1
    assert {data: n for data, n in (raw + quarantine).items() if n > puts[data]} == {}
    assert puts.keys() - raw.keys() - quarantine.keys() == set()
    [sums] = (
        spark.read.format("delta")
        .load(layout.LEDGER.path(root))
        .selectExpr("sum(read)", "sum(raw)", "sum(quarantined)", "sum(duplicates)")
        .collect()
    )
    read, good, bad, copies = sums
    assert (read, good, bad) == (len(sent), raw.total(), quarantine.total())
    assert read == good + bad + copies
    assert copies > 0
