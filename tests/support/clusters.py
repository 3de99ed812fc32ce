"""Run a standalone cluster on loopback, a master and workers, and ingest_raw on it with an executor on each of two.

Each worker has an address of its own, as Spark runs no speculative copy of a task on the task's own host.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyspark

from support.cluster_driver import EXECUTORS
from support.counted_s3 import CountedS3
from support.emulators import Stream, free_port
from support.killing import Lake, assert_runs, kill

# Settings with which Spark runs a second copy of nearly every task.
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "10ms",
    "spark.speculation.quantile": "0.1",
    "spark.speculation.multiplier": "1.01",
    "spark.speculation.minTaskRuntime": "1ms",
}
_SPARK = Path(pyspark.__file__).parent
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster whose master is at `url`. `workers` are those that run, by their number, from 1 on.

    `folder` has the executors' files and output in `work`, and Spark's events in `events`. `own` are variables of the
    environment of all its processes.
    """

    url: str
    folder: Path
    own: Mapping[str, str]
    workers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_worker(self, number: int) -> None:
        """Start a worker with one core, which listens on an address of its own."""
        work = ["--cores", "1", "--memory", "1g", "--work-dir", str(self.folder / "work"), self.url]
        self.workers[number] = self.start_daemon("worker.Worker", f"127.0.0.{number}", "--port", "0", *work)

    def kill_worker(self, number: int) -> None:
        """Kill a worker with its executors and their Python with SIGKILL, as if its machine died."""
        kill(self.workers.pop(number))

    def caller(self, port: int) -> tuple[int, psutil.Process] | None:
        """Return the process below a worker that has a connection from this local port, and the worker's number.

        Return None if there is none: another process has it.
        """
        for number, worker in self.workers.items():
            for process in psutil.Process(worker.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if any(connection.laddr.port == port for connection in process.net_connections("inet")):
                        return number, process
        return None

    @property
    def settings(self) -> dict[str, str]:
        """Spark's settings of a job on this cluster, with few and small tasks."""
        return {
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
            "spark.eventLog.dir": str(self.folder / "events"),
            "spark.local.dir": str(self.folder / "local"),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
        }

    def speculative_attempts(self) -> int:
        """Return how many speculative copies of tasks have ended, as far as Spark has written its events."""
        files = (self.folder / "events").iterdir()
        lines = [line for file in files for line in file.read_text("utf-8").splitlines(keepends=True)]
        # A killed driver leaves half a line.
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        ended = [event for event in events if event["Event"] == "SparkListenerTaskEnd"]
        return sum(event["Task Info"]["Speculative"] for event in ended)

    def start_daemon(self, name: str, host: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of Spark's daemons, which listens on `host` alone."""
        command = [str(_SPARK / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", host]
        with (self.folder / "daemons").open("ab") as log:
            return subprocess.Popen(
                [*command, "--webui-port", "0", *arguments], env=self.environment(host), stdout=log, stderr=log
            )

    def environment(self, host: str) -> dict[str, str]:
        """Return the environment of a process of Spark that listens on `host`."""
        return {
            **os.environ,
            "SPARK_HOME": str(_SPARK),
            "SPARK_LOCAL_IP": host,
            "SPARK_DAEMON_MEMORY": "128m",
            "SPARK_DAEMON_JAVA_OPTS": _QUICK,
            "PYSPARK_PYTHON": sys.executable,
            **self.own,
        }


@contextmanager
def standalone_cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a master and two workers while the block runs. `environment` is Cluster's `own`."""
    (folder / "events").mkdir()
    port = free_port()
    cluster = Cluster(f"spark://127.0.0.1:{port}", folder, environment)
    master = cluster.start_daemon("master.Master", "127.0.0.1", "--port", str(port))
    try:
        for number in range(1, EXECUTORS + 1):
            cluster.start_worker(number)
        yield cluster
    finally:
        for process in [*cluster.workers.values(), master]:
            kill(process)


@dataclass(frozen=True)
class Ingest:
    """An ingest_raw that reads `stream` into the lake at `root`.

    `driver` is its process, which runs `support.cluster_driver`. `folder` has its output in `out` and `log`. `seen` are
    the batches that `await_batch` has seen.
    """

    stream: Stream
    root: str
    folder: Path
    cluster: Cluster
    lake: Lake
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
        while self.lake.done() <= self.seen:
            assert_runs(self.driver, self.folder / "log")
            time.sleep(0.01)
        self.seen.update(self.lake.done())


@contextmanager
def ingesting(stream: Stream, folder: Path, s3: CountedS3 | None = None, **spark: str) -> Iterator[Ingest]:
    """Run a cluster, and ingest_raw on it with these settings of Spark, while the block runs.

    The lake is in the bucket "lakes" of `s3`, or without that in `folder`.
    """
    own = {"PYTHONPATH": os.pathsep.join(str(Path(name).resolve()) for name in ("lib", "tests"))}
    root, client = str(folder / "lake"), None
    if s3:
        root, client = "s3a://lakes/cluster", s3.client()
        own |= s3.variables
        spark |= s3.spark_settings()
    with ExitStack() as running:
        cluster = running.enter_context(standalone_cluster(folder, own))
        settings = cluster.settings | {"spark.master": cluster.url, "spark.driver.memory": "1g"} | spark
        overrides = [f'spark."{key}"={json.dumps(value)}' for key, value in settings.items()]
        pace = ["raw.trigger_interval='1 second'", *stream.overrides(root)[1::2]]
        command = [sys.executable, "-m", "support.cluster_driver", *overrides, *pace]
        out, log = (running.enter_context((folder / name).open("w")) for name in ("out", "log"))
        driver = subprocess.Popen(
            command, env=cluster.environment("127.0.0.1"), stdin=subprocess.PIPE, stdout=out, stderr=log, text=True
        )
        running.callback(kill, driver)
        yield Ingest(stream, root, folder, cluster, Lake(root, "ingest_raw", s3=client), driver)
