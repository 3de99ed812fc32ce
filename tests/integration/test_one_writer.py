"""A running job: who else may write its lake, how it's stopped, and what is kept of it."""

import re
import subprocess
import sys
import threading
from contextlib import AbstractContextManager

import pytest
from pyspark.sql import SparkSession

from event_lake import functions
from event_lake.lake.outcomes import outcomes
from event_lake.lake.stopping import stop
from support.emulators import Stream
from support.ingesting_jobs import ingesting_job
from support.killing import Lake, wait_for_more
from support.sent import an_event

pytestmark = pytest.mark.slow


def running(stream: Stream, root: str, *flags: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return ingesting_job("--config", "conf/local.toml", *stream.overrides(root), *flags)


def test_a_second_job_on_a_lake_is_refused_and_a_stopped_one_ends_well(stream: Stream, root: str) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())), b"x")
    with running(stream, root) as first:
        job = [sys.executable, "jobs/ingest_raw.py", "--config", "conf/local.toml", *stream.overrides(root)]
        second = subprocess.run(job, capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert f"pid {first.pid}" in second.stderr.splitlines()[-1]
        first.terminate()
        out, _ = first.communicate(timeout=60)
        assert (first.returncode, out) == (0, "2 records read = 1 raw + 0 duplicates + 1 quarantined\n")
    assert [(one.exit_code, one.last_line) for one in outcomes(root, "ingest_raw")] == [
        (0, out.strip()),
        (2, second.stderr.splitlines()[-1].removeprefix("ingest_raw.py: ")),
    ]


@pytest.mark.faults
def test_a_job_that_is_asked_to_stop_ends_well_and_says_who_asked(stream: Stream, root: str) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())), b"x")
    with running(stream, root, "--run-id", "mine") as job:
        asked = ["jobs/stop.py", "--config", "conf/local.toml", *stream.overrides(root)]
        stopping = subprocess.run([sys.executable, *asked], capture_output=True, text=True, check=False)
        out, _ = job.communicate(timeout=60)
    totals = "2 records read = 1 raw + 0 duplicates + 1 quarantined"
    assert (stopping.returncode, job.returncode) == (0, 0), stopping.stderr
    assert re.fullmatch(rf"ingest_raw on host \S+, pid {job.pid}, since \S+ ended at \S+\n", stopping.stdout)
    assert re.fullmatch(rf"{re.escape(totals)}; asked to stop by \w+ on \S+ at \S+\n", out)
    [outcome] = outcomes(root, "ingest_raw")
    # Spark 4.1 begins with the records, 4.2 with a batch that only says where they begin.
    assert (outcome.run_id, outcome.exit_code, outcome.last_line) == ("mine", 0, out.strip())
    assert outcome.window in ("batch 0", "batches 0 to 1")


def test_a_job_in_a_thread_of_a_notebook_is_stopped_as_well(spark: SparkSession, stream: Stream, root: str) -> None:
    settings = stream.settings(root)
    notebook = threading.Thread(target=lambda: functions.ingest_raw(spark, settings, run_id="mine"))
    notebook.start()
    wait_for_more(Lake(root, "ingest_raw").done, lambda: None)
    assert stop(settings).was_running
    notebook.join()
    [outcome] = outcomes(settings, "ingest_raw")
    assert (outcome.run_id, outcome.exit_code) == ("mine", 0)
    assert "; asked to stop by " in outcome.last_line
