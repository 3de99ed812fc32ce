"""Measure a streaming query from outside: its time, memory, CPU and calls at the end of every batch."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Self

import psutil
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from benchmarks.replay import calls

_SAMPLE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """The CPU seconds that processes have used so far."""

    python: float
    jvm: float


class Sampler:
    """A context manager that calls its `sample` every `every_seconds`, from a thread of its own."""

    def __init__(self, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._done = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def sample(self) -> None:
        """Look at the processes now."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._done.wait(self._every_seconds):
            self.sample()


class Usage(Sampler):
    """The CPU and peak memory of this process' JVM and of all Python processes, sampled while it is entered.

    Linux only. Peaks are in bytes. A process that ends between two samples is counted up to the first of them.
    """

    def __init__(self) -> None:
        super().__init__(_SAMPLE_SECONDS)
        self._cpu: dict[tuple[int, bool], float] = {}
        self.peak_jvm = self.peak_worker = 0

    def cpu(self) -> Cpu:
        """Return the CPU seconds used up to now."""
        self.sample()
        used = list(self._cpu.items())
        return Cpu(
            python=sum(seconds for (_, is_jvm), seconds in used if not is_jvm),
            jvm=sum(seconds for (_, is_jvm), seconds in used if is_jvm),
        )

    def sample(self) -> None:
        driver = psutil.Process()
        for process in (driver, *driver.children(recursive=True)):
            try:
                name, times, peak = process.name(), process.cpu_times(), peak_memory(process.pid)
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                continue
            is_jvm = name == "java"
            # Hadoop starts a chmod for each local file, which shares the JVM's memory until it runs: it doesn't count.
            if not is_jvm and not name.startswith("python"):
                continue
            self._cpu[process.pid, is_jvm] = times.user + times.system
            if is_jvm:
                self.peak_jvm = max(self.peak_jvm, peak)
            elif process != driver:
                self.peak_worker = max(self.peak_worker, peak)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A measurement at the end of a batch, or at the start of the query if `progress` is None.

    `at` is in seconds of the monotonic clock. `cpu` and `calls` (to the Kinesis API) are counted up to then.
    """

    progress: StreamingQueryProgress | None
    at: float
    cpu: Cpu
    calls: int


class Meter(StreamingQueryListener):
    """A listener that marks the start of the one query of a session, and the end of every batch with data."""

    def __init__(self, usage: Usage, endpoint_url: str) -> None:
        self.marks: list[Mark] = []
        self.ended = Event()
        self._usage = usage
        self._endpoint_url = endpoint_url

    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        self._mark(None)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        if event.progress.numInputRows:
            self._mark(event.progress)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        self.ended.set()

    def _mark(self, progress: StreamingQueryProgress | None) -> None:
        mark = Mark(
            progress=progress,
            at=time.monotonic(),
            cpu=self._usage.cpu(),
            calls=sum(calls(self._endpoint_url).values()),
        )
        self.marks.append(mark)


@contextmanager
def meter_query(spark: SparkSession, usage: Usage, endpoint_url: str) -> Iterator[list[Mark]]:
    """Yield the marks of the query that runs in the block. They are complete once the block has ended."""
    meter = Meter(usage, endpoint_url)
    spark.streams.addListener(meter)
    yield meter.marks
    # Spark calls its listeners later than it ends the query.
    assert meter.ended.wait(timeout=60), "Spark tells listeners of every query's end"
    spark.streams.removeListener(meter)


def batches(marks: Sequence[Mark]) -> list[StreamingQueryProgress]:
    """Return the progress of the batches whose ends are among `marks`."""
    return [mark.progress for mark in marks if mark.progress]


def batch_seconds(progress: StreamingQueryProgress) -> float:
    """Return the seconds that the whole trigger took, planning and commits included."""
    return progress.durationMs["triggerExecution"] / 1000


def phases(counted: Sequence[StreamingQueryProgress]) -> dict[str, float]:
    """Return the median milliseconds of each phase of a batch, by Spark's name for it."""
    names = sorted({name for progress in counted for name in progress.durationMs})
    return {name: median(progress.durationMs.get(name, 0) for progress in counted) for name in names}


def peak_memory(pid: int) -> int:
    """Return the peak memory of a process in bytes (VmHWM); 0 if it has ended but isn't gone."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
