"""Run ingest_raw until the process is stopped, and kill executors on command.

Each line of stdin names a moment of the next batch at which to kill an executor. Each kill prints a line.
"""

import logging
import os
import sys
import threading
import time
from queue import Empty, SimpleQueue

import boto3
import psutil
from pyspark.sql import SparkSession

from event_lake.config.files import load_settings
from event_lake.config.lake_root import scheme_of
from event_lake.lake import layout
from event_lake.lake.session import spark_session
from event_lake.raw.ingest import IngestOptions, ingest_raw
from support.killing import Lake

EXECUTORS = 2
_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
# The moments: before a batch's first append, when its rows are counted; and within the append to raw/events, as soon as
# some of its tasks have ended.
BEFORE_RAW, IN_RAW = "before raw", "in raw"


def main() -> int:
    """Run ingest_raw with the settings of the flags."""
    logging.basicConfig(level=logging.WARNING)
    settings = load_settings("conf/local.toml", sys.argv[1:])
    with spark_session("cluster", settings.spark) as spark:
        s3 = boto3.client("s3") if scheme_of(settings.lake.root) else None
        killer = _Killer(spark, Lake(settings.lake.root, "ingest_raw", s3=s3))
        threading.Thread(target=killer.listen, daemon=True).start()
        ingest_raw(spark, settings, IngestOptions(), check=killer.check)
    return 0


class _Killer:
    """A killer of executors of the session, at moments that it reads from stdin."""

    def __init__(self, spark: SparkSession, lake: Lake) -> None:
        self._spark = spark
        self._lake = lake
        self._moments: SimpleQueue[str] = SimpleQueue()

    def listen(self) -> None:
        """Read moments from stdin until it ends."""
        for line in sys.stdin:
            self._moments.put(line.strip())

    def check(self) -> None:
        """Kill an executor, now or within the next append, if a moment was read. ingest_raw calls it before writes."""
        try:
            moment = self._moments.get_nowait()
        except Empty:
            return
        if moment == IN_RAW:
            threading.Thread(target=self._kill_in_raw, args=[self._files()], daemon=True).start()
            return
        before = self._block_managers()
        self._kill_one()
        # Otherwise the append could begin while Spark still counts on the blocks of the dead executor.
        while before <= self._block_managers():
            time.sleep(0.01)

    def _kill_in_raw(self, before: set[str]) -> None:
        # A file of task 7 is called part-00007-…. As an executor runs one task at a time, a task has ended once there
        # are files of more tasks than executors.
        while len({name[:10] for name in self._files() - before}) <= EXECUTORS:
            time.sleep(0.001)
        self._kill_one()

    def _files(self) -> set[str]:
        return self._lake.files(layout.RAW_EVENTS)

    def _block_managers(self) -> set[str]:
        return set(self._spark._jsc.sc().getExecutorMemoryStatus().keys().mkString(" ").split())

    def _kill_one(self) -> None:
        """Kill an executor and its Python workers with SIGKILL, as if its machine died."""
        application = self._spark.sparkContext.applicationId
        processes = psutil.process_iter(["cmdline"])
        ours = (process for process in processes if application in (process.info["cmdline"] or ()))
        executor = next(process for process in ours if _EXECUTOR in process.info["cmdline"])
        for process in [executor, *executor.children(recursive=True)]:
            process.kill()
        os.write(1, b"killed\n")


if __name__ == "__main__":
    sys.exit(main())
