"""Run ingest_raw on a standalone cluster on loopback: a master, and two workers with an executor each.

Each worker has an address of its own, as Spark runs no speculative copy of a task on the task's own host.
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
    """An ingest_raw that reads `stream` into the lake at `root`.

    `driver` is its process, which runs `support.cluster_driver`. `folder` has its output in `out` and `log`, and
    Spark's events in `events`. `seen` are the batches that `await_batch` has seen.
    """

    stream: Stream
    root: str
    folder: Path
    driver: subprocess.Popen[str]
    seen: set[str] = field(default_factory=set)

    def kill_an_executor(self, moment: str) -> None:
        """Tell the driver to kill an executor in the next batch, at a `moment` that `cluster_driver` names."""
        assert self.driver.stdin
        print(moment, file=self.driver.stdin, flush=True)

    @property
    def kills(self) -> int:
        """Return how many executors were killed so far."""
        return (self.folder / "out").read_text("utf-8").count("killed")

    def await_batch(self) -> None:
        """Wait until a batch is done that the last call didn't see."""
        done = Lake(self.root, "ingest_raw").done
        while done() <= self.seen:
            assert_runs(self.driver, self.folder / "log")
            time.sleep(0.01)
        self.seen.update(done())

    def speculative_attempts(self) -> int:
        """Return how many speculative copies of tasks have ended, as far as Spark has written its events."""
        events = [line for file in (self.folder / "events").iterdir() for line in file.read_text("utf-8").splitlines()]
        ended = [event for event in map(json.loads, events) if event["Event"] == "SparkListenerTaskEnd"]
        return sum(event["Task Info"]["Speculative"] for event in ended)


@contextmanager
def ingesting(stream: Stream, folder: Path, **spark: str) -> Iterator[Ingest]:
    """Run a cluster, and ingest_raw on it with these settings of Spark, while the block runs."""
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
        # So many tasks for one append that some have ended when others haven't begun.
        "spark.sql.shuffle.partitions": "8",
        "spark.databricks.delta.snapshotPartitions": "1",
        # Ask for a dead executor's shuffle files only once more, and soon.
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
    """Run one of Spark's daemons, which listens on `host` alone, while the block runs."""
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
