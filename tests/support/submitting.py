"""Submit jobs from dist/event_lake.zip to a cluster whose Python has libraries, and no source of ours."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from event_lake.config.files import load_settings
from support.clusters import Cluster
from support.emulators import Stream
from support.killing import assert_runs

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


def cluster_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a cluster: libraries, but not our code. Its Python is a file in `folder`."""
    python = folder / "python"
    # -S leaves out the editable install.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', "utf-8")
    python.chmod(0o755)
    return {
        **os.environ,
        "PYTHONPATH": str(SITE_PACKAGES),
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "SPARK_HOME": f"{SITE_PACKAGES}/pyspark",
    }


def packages_without(folder: Path, package: str) -> Path:
    """Make `folder`, which has all installed packages but this one, and return it."""
    folder.mkdir()
    for installed in SITE_PACKAGES.iterdir():
        if installed.name != package:
            (folder / installed.name).symlink_to(installed)
    return folder


def submit_command(
    job: str, flags: Sequence[str], master: str = "local[2]", spark: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Return the command that submits a job to `master` in client mode, with other settings of Spark and its own flags.

    Its process is Java, which starts Python.
    """
    settings = [part for key, value in spark.items() if key != "spark.master" for part in ("--conf", f"{key}={value}")]
    submit = [f"{SITE_PACKAGES}/pyspark/bin/spark-submit", "--master", master, "--py-files", "dist/event_lake.zip"]
    return [*submit, *settings, str(Path("jobs").resolve() / f"{job}.py"), *flags]


@dataclass(frozen=True)
class SubmittedJobs:
    """Jobs submitted to `cluster` with settings of `spark`, which read `stream`. Executors find `packages` only.

    The lake and the jobs' logs are in `folder`.
    """

    cluster: Cluster
    stream: Stream
    folder: Path
    packages: Path = SITE_PACKAGES
    spark: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The lake's root."""
        return str(self.folder / "lake")

    def start(self, job: str, *flags: str) -> subprocess.Popen[bytes]:
        """Start a job whose batches have up to 300 records, and whose events are in few partitions."""
        config = self.folder / "cluster.toml"
        config.write_text(
            f'[source]\nstream = "{self.stream.name}"\nregion = "us-east-1"\n[lake]\nroot = "{self.root}"\n'
        )
        small = [*self.stream.overrides(self.root), "--set", "source.max_batch_records=300"]
        pace = ["--set", "raw.max_event_types=1", "--set", "raw.trigger_interval=1 second"]
        spark = {
            **load_settings("conf/local.toml").spark,
            **self.cluster.settings,
            "spark.sql.shuffle.partitions": "4",
            "spark.driver.memory": "1g",
            "spark.executorEnv.PYTHONPATH": str(self.packages),
            **self.spark,
        }
        command = submit_command(job, ["--config", str(config), *small, *pace, *flags], self.cluster.url, spark)
        environment = self.cluster.environment("127.0.0.1") | {"PYTHONPATH": str(SITE_PACKAGES)}
        # spark-submit writes all that a Python job writes to stdout.
        with self.log(job).open("a") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def run(self, job: str, *flags: str) -> tuple[int, Sequence[str]]:
        """Run a job to its end. Return its exit code, and the lines that its runs have written so far."""
        code = self.start(job, *flags).wait()
        return code, self.log(job).read_text("utf-8").splitlines()

    def log(self, job: str) -> Path:
        """Return the file with the log of a job's runs."""
        return self.folder / f"{job}.log"

    def assert_runs(self, running: subprocess.Popen[bytes], job: str) -> None:
        """Fail the test, with the log, if the job has ended by itself."""
        assert_runs(running, self.log(job))
