"""A running job: who else may write its lake, and how it's stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.emulators import Stream
from support.sent import an_event

pytestmark = pytest.mark.slow


@contextmanager
def running(stream: Stream, root: str) -> Iterator[subprocess.Popen[str]]:
    """An ingest_raw that has written its first records, and runs on."""
    job = [sys.executable, "jobs/ingest_raw.py", "--config", "conf/local.toml", *stream.overrides(root)]
    with subprocess.Popen(job, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            for line in process.stderr:
                if line.startswith("{") and json.loads(line).get("read"):
                    break
            else:
                pytest.fail(f"it ended with {process.wait()}")
            yield process
        finally:
            process.kill()


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
