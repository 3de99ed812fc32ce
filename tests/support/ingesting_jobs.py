"""Run ingest_raw as a process that goes on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def ingesting_job(*flags: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run an ingest_raw with these flags while the block runs, which begins once its first records are written.

    `environment` is that of the process, by default this one's.
    """
    job = [sys.executable, "jobs/ingest_raw.py", *flags]
    with subprocess.Popen(job, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
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
