"""A standalone cluster on loopback: a master, two workers with an executor each, and an ingest_raw on them.

The workers have an address each, as Spark doesn't speculate on a task's own host.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from support.cluster_driver import EXECUTORS
from support.emulators import Stream, free_port
from support.killing import Lake, assert_runs, kill

_SPARK = Path(pyspark.__file__).parent
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class Ingest:
    """An ingest_raw that reads `stream` into the lake at `root`, with what it says in `log`."""

    stream: Stream
    root: str
    folder: Path
    driver: subprocess.Popen[str]
    seen: set[str] = field(default_factory=set)

    def kill_an_executor(self, moment: str) -> None:
        """Do so in the batch to come, at a moment that `driver` knows."""
        assert self.driver.stdin
        print(moment, file=self.driver.stdin, flush=True)

    @property
    def kills(self) -> int:
        """How many executors were killed so far."""
        return (self.folder / "out").read_text("utf-8").count("killed")

    def await_batch(self) -> None:
        """Wait until it has done another batch, since the last time or from now on."""
        done = Lake(self.root, "ingest_raw").done
        while done() <= self.seen:
            assert_runs(self.driver, self.folder / "log")
            time.sleep(0.01)
        self.seen.update(done())

    def speculative_attempts(self) -> int:
        """How many attempts of a task Spark began beside another one, and has told so far."""
        events = [line for file in (self.folder / "events").iterdir() for line in file.read_text("utf-8").splitlines()]
        ended = [event for event in map(json.loads, events) if event["Event"] == "SparkListenerTaskEnd"]
        return sum(event["Task Info"]["Speculative"] for event in ended)


@contextmanager
def ingesting(stream: Stream, folder: Path, **spark: str) -> Iterator[Ingest]:
    """An ingest_raw with these settings of Spark's and its cluster, for as long as the block runs."""
    root = str(folder / "lake")
    (folder / "events").mkdir()
    with ExitStack() as running:
        master = f"127.0.0.1:{free_port()}"
        running.enter_context(_daemon(folder, "master.Master", "127.0.0.1", "--port", master.rpartition(":")[2]))
        for number in range(1, EXECUTORS + 1):
            own = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / "work"), f"spark://{master}"]
            running.enter_context(_daemon(folder, "worker.Worker", f"127.0.0.{number}", "--port", "0", *own))
        settings = _settings(f"spark://{master}", folder) | spark
        overrides = [f'spark."{key}"={json.dumps(value)}' for key, value in settings.items()]
        pace = ["raw.trigger_interval='1 second'", *stream.overrides(root)[1::2]]
        command = [sys.executable, "-m", "support.cluster_driver", *overrides, *pace]
        out, log = (running.enter_context((folder / name).open("w")) for name in ("out", "log"))
        driver = subprocess.Popen(
            command, env=_environment("127.0.0.1"), stdin=subprocess.PIPE, stdout=out, stderr=log, text=True
        )
        running.callback(kill, driver)
        yield Ingest(stream, root, folder, driver)


def _settings(master: str, folder: Path) -> dict[str, str]:
    return {
        "spark.master": master,
        "spark.driver.memory": "1g",
        "spark.executor.memory": "900m",
        "spark.executor.extraJavaOptions": _QUICK,
        # Enough tasks of one append that some have ended and others haven't begun.
        "spark.sql.shuffle.partitions": "8",
        "spark.databricks.delta.snapshotPartitions": "1",
        # A dead executor's shuffle files are asked for once more, and soon.
        "spark.shuffle.io.maxRetries": "1",
        "spark.shuffle.io.retryWait": "100ms",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.dir": str(folder / "events"),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }


@contextmanager
def _daemon(folder: Path, name: str, host: str, *arguments: str) -> Iterator[None]:
    """One of Spark's daemons, which listens on `host` alone."""
    command: Sequence[str] = [str(_SPARK / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", host]
    with (folder / "daemons").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--webui-port", "0", *arguments], env=_environment(host), stdout=log, stderr=log
        )
        try:
            yield
        finally:
            kill(process)


def _environment(host: str) -> dict[str, str]:
    return {
        **os.environ,
        "SPARK_HOME": str(_SPARK),
        "SPARK_LOCAL_IP": host,
        "SPARK_DAEMON_MEMORY": "128m",
        "SPARK_DAEMON_JAVA_OPTS": _QUICK,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(str(Path(name).resolve()) for name in ("lib", "tests")),
    }
