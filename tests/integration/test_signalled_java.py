"""SIGTERM to Java under `spark-submit`, as YARN, EMR and Databricks send it: Python isn't signalled at all.

It's sent once, between the commits of a batch. `make test-faults` sends it before and after them, too (JAVA_SIGNALS).
"""

import json
import os
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.lake.outcomes import outcomes
from event_lake.lake.window import Window
from event_lake.reconciliation.reconcile import reconcile
from support.emulators import Stream
from support.killing import Lake, assert_runs, kill, wait_for_more
from support.sent import an_event
from support.submitting import cluster_environment, submit_command

pytestmark = pytest.mark.kills

SIGNALS = int(os.environ.get("JAVA_SIGNALS", "1"))
GONE = "Spark's Java process ended in the middle, maybe by a signal; start again: nothing is lost"
# Each signal comes in the second batch of its run.
EVENTS, COPIES, BAD = 140 * SIGNALS, 20, 10
# In batches of so many records.
BATCH = 60


@contextmanager
def submitted(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        java = subprocess.Popen(command, env=cluster_environment(folder), stdout=log, stderr=log)
        try:
            yield java
        finally:
            kill(java)


def pid_of_python(root: str) -> int:
    """The process that holds the lease."""
    return int(json.loads(Path(root, "_leases", "raw.json").read_text("utf-8"))["pid"])


def wait_for_end_of(pid: int) -> None:
    """Wait for another's child. Where nobody waits for it, it stays as a zombie."""
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)


def test_sigterm_to_java_loses_nothing_and_python_keeps_an_outcome_and_releases_the_lease(
    spark: SparkSession, stream: Stream, root: str, tmp_path: Path
) -> None:
    now = int(stream.client().now().timestamp())
    events = [an_event(event_uuid=str(uuid.uuid4()), created_at=now) for _ in range(EVENTS)]
    sent = [*events, *events[:COPIES], *[b"bad %d" % number for number in range(BAD)]]
    for at in range(0, len(sent), 100):
        stream.put(*sent[at : at + 100])
    pace = ("raw.trigger_interval='1 second'", f"source.max_batch_records={BATCH}")
    flags = [
        "--config",
        "conf/local.toml",
        *stream.overrides(root),
        *(part for setting in pace for part in ("--set", setting)),
    ]
    lake = Lake(root, "ingest_raw")
    for moment in (partial(lake.commits, layout.RAW_EVENTS), lake.planned, lake.done)[:SIGNALS]:
        with submitted(submit_command("ingest_raw", flags), tmp_path) as java:
            for _ in range(2):
                wait_for_more(moment, partial(assert_runs, java, tmp_path / "log"))
            python = pid_of_python(root)
            java.terminate()
            assert java.wait(60) == 143
            wait_for_end_of(python)
        [newest, *_] = outcomes(root, "ingest_raw")
        assert (newest.exit_code, newest.last_line) == (
            4,
            f"ServiceUnavailableError: {GONE}",
        )
        assert json.loads(Path(root, "_leases", "raw.json").read_text("utf-8"))["released"]
    done = subprocess.run(
        submit_command("ingest_raw", ["--until-caught-up", *flags]),
        env=cluster_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = tables.read(spark, root, layout.RAW_EVENTS).select("payload").collect()
    bad = tables.read(spark, root, layout.QUARANTINE).select("data").collect()
    assert Counter(row.payload.encode() for row in rows) == Counter(events)
    assert Counter(bytes(row.data) for row in bad) == Counter(sent[-BAD:])
    ledger = tables.read(spark, root, layout.LEDGER).selectExpr("sum(read)", "sum(duplicates)").first()
    assert ledger == (len(sent), COPIES)
    assert not reconcile(spark, stream.settings(root), Window()).faults
