"""SIGKILL before and after each commit of a batch, while events arrive and shards are resharded.

Each accepted event is in raw once, each bad one in quarantine once, and the reconciliation finds nothing wrong.
`make test` kills 3 times, `make test-faults` 30 times (KILLS); CRASH_SEED chooses the moments.
"""

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import boto3
from pyspark.sql import SparkSession

from emulators import Stream, kinesis_local_endpoint, merge, open_shards, split, wait_until_active
from event_lake import tables
from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS
from event_lake.generator.put import RecordPutter, batches, paced
from event_lake.generator.sequence import EVENT, LATE, Record, records
from event_lake.pipelines.ingest_raw import Asked, ingest_raw
from event_lake.pipelines.reconcile import reconcile
from event_lake.raw.verdict import Window
from killing import Lake, assert_runs, job, kill, wait_for_more

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
            for number in range(KILLS):
                moment = MOMENTS[(number + SEED) % len(MOMENTS)]
                with _job(stream, root, log, "--set", "raw.trigger_interval='1 second'") as running:
                    _reshard(boto, stream.name, rng)
                    wait_for_more(moment(Lake(root, "ingest_raw")), lambda running=running: assert_runs(running, log))
                    # At once, or some way on to what comes next.
                    time.sleep(rng.choice((0, 0, rng.uniform(0, 2))))
                    kill(running)
        for new_checkpoint in (True, False):
            ingest_raw(spark, stream.settings(root), Asked(until_caught_up=True, new_checkpoint=new_checkpoint))
        _assert_each_once(spark, root, sent)
        reconcile(spark, stream.settings(root), Window()).refuse_faults()


def _once_it_is_planned(lake: Lake) -> Callable[[], set[str]]:
    return lake.planned


def _once_raw_has_a_file(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.files(tables.RAW_EVENTS)


def _once_raw_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(tables.RAW_EVENTS)


def _once_quarantine_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(tables.QUARANTINE)


def _once_the_ledger_is_committed(lake: Lake) -> Callable[[], set[str]]:
    return lambda: lake.commits(tables.LEDGER)


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


def _job(stream: Stream, root: str, log: Path, *flags: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return job(log, "ingest_raw", *stream.overrides(root), *flags)


def _reshard(boto: Any, name: str, rng: Random) -> None:
    shards = open_shards(boto, name)
    index = rng.randrange(len(shards))
    if len(shards) < MOST_SHARDS and (index == 0 or rng.random() < 0.5):
        split(boto, name, shards[index])
    else:
        merge(boto, name, *shards[max(0, index - 1) :][:2])


def _assert_each_once(spark: SparkSession, root: str, sent: list[Record]) -> None:
    def rows(table: tables.Table) -> Any:
        return spark.read.format("delta").load(table.path(root))

    good = [record.data.decode() for record in sent if record.kind in (EVENT, LATE)]
    assert Counter(row.payload for row in rows(tables.RAW_EVENTS).select("payload").collect()) == Counter(good)
    bad = [record.data for record in sent if record.kind in FAULTS]
    assert Counter(bytes(row.data) for row in rows(tables.QUARANTINE).select("data").collect()) == Counter(bad)
    copies = len(sent) - len(good) - len(bad)
    assert copies > 0
    [read] = rows(tables.LEDGER).selectExpr("sum(read)").first() or [None]
    assert read == len(sent)
