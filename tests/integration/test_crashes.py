"""SIGKILL at random points while events arrive: each accepted event is in raw exactly once."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psutil
from pyspark.sql import SparkSession

from emulators import Stream
from event_lake import tables
from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS
from event_lake.generator.put import RecordPutter, batches, paced
from event_lake.generator.sequence import EVENT, LATE, Record, records

KILLS = 5
RATE = 100
# From the moment that a batch is planned: reading, writing each table, committing, or the next batch.
LONGEST_SECONDS = 3


def test_five_kills_while_events_arrive_leave_each_event_once(
    spark: SparkSession, stream: Stream, root: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CRASH_SEED", "1"))
    rng = Random(seed)
    sent: list[Record] = []
    enough = threading.Event()
    producer = threading.Thread(target=_produce, args=(stream, sent, enough), daemon=True)
    producer.start()
    job = [sys.executable, "jobs/ingest_raw.py", "--config", "conf/local.toml", *stream.overrides(root)]
    log = (tmp_path / "log").open("ab")
    for _ in range(KILLS):
        running = subprocess.Popen([*job, "--set", "raw.trigger_interval='1 second'"], stdout=log, stderr=log)
        planned = _planned_batches(root)
        while _planned_batches(root) == planned:
            assert running.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        time.sleep(rng.uniform(0, LONGEST_SECONDS))
        _kill(running)
    enough.set()
    producer.join()
    last = subprocess.run([*job, "--until-caught-up"], stdout=log, stderr=log, check=False)
    assert last.returncode == 0, (tmp_path / "log").read_text()

    def rows(table: tables.Table):
        return spark.read.format("delta").load(table.path(root))

    good = [record.data.decode() for record in sent if record.kind in (EVENT, LATE)]
    assert Counter(row.payload for row in rows(tables.RAW_EVENTS).select("payload").collect()) == Counter(good)
    bad = [record.data for record in sent if record.kind in FAULTS]
    assert Counter(bytes(row.data) for row in rows(tables.QUARANTINE).select("data").collect()) == Counter(bad)
    [read] = rows(tables.LEDGER).selectExpr("sum(read)").first() or [None]
    assert read == len(sent)


def _produce(stream: Stream, sent: list[Record], enough: threading.Event) -> None:
    timeline = Timeline(seed=3, start_ms=int(datetime.now(UTC).timestamp() * 1000), rate=RATE)
    putter = RecordPutter(stream.client())
    for batch in paced(batches(records(timeline, first=0, count=10**6), most_seconds=0.5)):
        putter.put(batch)
        sent.extend(batch)
        if enough.is_set():
            return


def _planned_batches(root: str) -> set[str]:
    """The offset log: a batch is in it before anything of it is read."""
    offsets = Path(tables.checkpoint_path(root, "ingest_raw"), "offsets")
    return {file.name for file in offsets.glob("[0-9]*")}


def _kill(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the job's Python, its JVM and its workers: what a machine does that dies."""
    job = psutil.Process(running.pid)
    for process in [job, *job.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    running.wait()
