"""Measures how much memory reading takes: 2 GiB of the largest records, 10 MiB each, from 4 shards to a noop sink."""

from math import ceil
from random import Random
from time import perf_counter

import psutil

from benchmarks.figures import Figures
from benchmarks.meter import Sampler, peak_memory
from benchmarks.replay import serve
from benchmarks.source_replay import Alike, ago
from benchmarks.source_session import check, in_new_process, records, session, source_of

SHARDS = 4
_RECORD_BYTES = 10 * 1024 * 1024
_TOTAL_BYTES = 2 * 1024**3
_RECORDS_PER_SECOND = 0.09
_MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.2


def memory(scale: float) -> Figures:
    """Measure with 2 GiB * `scale` of records."""
    of_a_shard = ceil(_TOTAL_BYTES * scale / SHARDS / _RECORD_BYTES)
    payload = Random(0).randbytes(_RECORD_BYTES)
    # A shard takes 1 MB/s, which is a record in 10 s or more. The last one has arrived just now.
    first = ago(seconds=of_a_shard / _RECORDS_PER_SECOND)
    with serve(lambda: Alike([payload] * of_a_shard, first, _RECORDS_PER_SECOND, shards=SHARDS)) as endpoint_url:
        return in_new_process(_measured, endpoint_url, of_a_shard)


class _Peaks(Sampler):
    """The highest memory in MiB of each kind of process below this one, sampled from the kernel's own peaks."""

    def __init__(self) -> None:
        super().__init__(_SAMPLE_SECONDS)
        self.mib = dict.fromkeys(("executor's Python worker", "planning process", "JVM"), 0.0)

    def sample(self) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                kind, peak = _kind(process), peak_memory(process.pid) / _MIB
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                continue
            if kind:
                self.mib[kind] = max(self.mib[kind], peak)


def _kind(process: psutil.Process) -> str | None:
    command = " ".join(process.cmdline())
    if process.name() == "java":
        return "JVM"
    if "pyspark.daemon" in command:
        return "executor's Python worker"
    return "planning process" if "python_streaming_source_runner" in command else None


def _measured(endpoint_url: str, of_a_shard: int) -> Figures:
    with session("source-memory") as (spark, folder), _Peaks() as peaks:
        begun = perf_counter()
        query = (
            records(spark, source_of(endpoint_url))
            .writeStream.format("noop")
            .option("checkpointLocation", str(folder / "noop"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        seconds = perf_counter() - begun
        counts = [progress.numInputRows - SHARDS for progress in query.recentProgress if progress.numInputRows]
        check("records read", sum(counts), SHARDS * of_a_shard)
        peaks.sample()
    return {
        "records": sum(counts),
        "GiB": sum(counts) * _RECORD_BYTES / 1024**3,
        "batches": len(counts),
        "s": seconds,
        **{f"MiB at most, {kind}": mib for kind, mib in peaks.mib.items()},
    }
