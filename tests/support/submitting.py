"""Run jobs from the package as a cluster does: by `spark-submit`, with libraries, but none of our code on the path."""

import os
import sys
import sysconfig
from pathlib import Path

SITE_PACKAGES = sysconfig.get_path("purelib")


def cluster_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a cluster, whose Python is a file in `folder`: -S leaves out the editable install."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', "utf-8")
    python.chmod(0o755)
    return {
        **os.environ,
        "PYTHONPATH": SITE_PACKAGES,
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "SPARK_HOME": f"{SITE_PACKAGES}/pyspark",
    }


def submit_command(job: str, *flags: str) -> list[str]:
    """Return the command that submits the job in client mode. Its process is Java, which starts Python."""
    submit = [f"{SITE_PACKAGES}/pyspark/bin/spark-submit", "--master", "local[2]"]
    package = ["--py-files", "dist/event_lake.zip", str(Path("jobs").resolve() / f"{job}.py")]
    return [*submit, *package, "--config", "conf/local.toml", *flags]
