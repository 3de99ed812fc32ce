"""An ingest_raw that runs until it's told to stop, and kills an executor when it's told to.

Each line of the input is a moment of the batch to come, at which one executor is killed; the output says once it is.
"""

import logging
import os
import sys
import threading
import time
from queue import Empty, SimpleQueue

import psutil
from pyspark.sql import SparkSession

from event_lake.config.files import load_settings
from event_lake.lake import layout
from event_lake.lake.session import spark_session
from event_lake.raw.ingest import IngestOptions, ingest_raw
from support.killing import Lake

EXECUTORS = 2
_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
# Between the look at a batch's rows and its first append; and within raw's, as soon as Spark has ended a task of it.
BEFORE_RAW, IN_RAW = "before raw", "in raw"


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    settings = load_settings("conf/local.toml", sys.argv[1:])
    with spark_session("cluster", settings.spark) as spark:
        killer = _Killer(spark, Lake(settings.lake.root, "ingest_raw"))
        threading.Thread(target=killer.listen, daemon=True).start()
        ingest_raw(spark, settings, IngestOptions(), check=killer.check)
    return 0


class _Killer:
    """Kills an executor of the session at a moment of the batch to come; `check` is called before each write."""

    def __init__(self, spark: SparkSession, lake: Lake) -> None:
        self._spark = spark
        self._lake = lake
        self._asked: SimpleQueue[str] = SimpleQueue()

    def listen(self) -> None:
        for line in sys.stdin:
            self._asked.put(line.strip())

    def check(self) -> None:
        try:
            moment = self._asked.get_nowait()
        except Empty:
            return
        if moment == IN_RAW:
            threading.Thread(target=self._kill_in_raw, args=[self._files()], daemon=True).start()
            return
        before = self._block_managers()
        self._kill_one()
        # Else the append could begin with blocks that Spark still believes in.
        while before <= self._block_managers():
            time.sleep(0.01)

    def _kill_in_raw(self, before: set[str]) -> None:
        # part-00007-… is a file of task 7, and an executor has one task at a time.
        while len({name[:10] for name in self._files() - before}) <= EXECUTORS:
            time.sleep(0.001)
        self._kill_one()

    def _files(self) -> set[str]:
        return self._lake.files(layout.RAW_EVENTS)

    def _block_managers(self) -> set[str]:
        return set(self._spark._jsc.sc().getExecutorMemoryStatus().keys().mkString(" ").split())

    def _kill_one(self) -> None:
        """SIGKILL for an executor and its Python workers: what a machine does that dies."""
        application = self._spark.sparkContext.applicationId
        processes = psutil.process_iter(["cmdline"])
        ours = (process for process in processes if application in (process.info["cmdline"] or ()))
        executor = next(process for process in ours if _EXECUTOR in process.info["cmdline"])
        for process in [executor, *executor.children(recursive=True)]:
            process.kill()
        os.write(1, b"killed\n")


if __name__ == "__main__":
    sys.exit(main())
