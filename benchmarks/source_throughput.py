"""Measures records/s from HTTP to a noop sink, with different numbers of shards but the same number of records."""

from itertools import pairwise
from statistics import median

from pyspark.sql.streaming.listener import StreamingQueryProgress

from benchmarks.figures import Figures
from benchmarks.load import BATCH_SECONDS
from benchmarks.meter import Usage, batch_seconds, batches, meter_query
from benchmarks.replay import serve
from benchmarks.source_replay import Alike, ago, payloads
from benchmarks.source_session import CORES, check, in_new_process, records, session, source_of

SHARDS = (1, 4, 32, 256)
# A multiple of 256, so that all shards have as many.
RECORDS_PER_BATCH = 1600 * 256
_WARM_UP, _BATCHES = 2, 4


def throughput(scale: float) -> Figures:
    """Measure with each number of shards and batches of `scale` times their full size."""
    per_batch = round(RECORDS_PER_BATCH * scale / max(SHARDS)) * max(SHARDS)
    return {
        f"{name}, {shards} shard{'s' if shards > 1 else ''}": value
        for shards in SHARDS
        for name, value in _over(shards, per_batch).items()
    }


def _over(shards: int, per_batch: int) -> Figures:
    of_a_shard = per_batch // shards * (_WARM_UP + _BATCHES)
    rate = per_batch / shards / BATCH_SECONDS
    # The last record has arrived just now: a search for an older one would cost calls that aren't a usual batch's.
    first = ago(seconds=BATCH_SECONDS * (_WARM_UP + _BATCHES) + 1)
    with serve(lambda: Alike(payloads(of_a_shard), first, rate, shards=shards)) as endpoint_url:
        return in_new_process(_measured, endpoint_url, shards, of_a_shard)


def _measured(endpoint_url: str, shards: int, of_a_shard: int) -> Figures:
    settings = source_of(endpoint_url)
    assert settings.max_batch_seconds == BATCH_SECONDS, "else batches are cut elsewhere"
    with session("source-throughput") as (spark, folder), Usage() as usage:
        with meter_query(spark, usage, endpoint_url) as marks:
            (
                records(spark, settings)
                .writeStream.format("noop")
                .option("checkpointLocation", str(folder / "noop"))
                .trigger(availableNow=True)
                .start()
                .awaitTermination()
            )
        check("records read", sum(_records(p, shards) for p in batches(marks)), shards * of_a_shard)
        first, last = marks[_WARM_UP], marks[-1]
        counted = batches(marks[_WARM_UP + 1 :])
        total = sum(_records(progress, shards) for progress in counted)
        rates = [_records(progress, shards) / batch_seconds(progress) for progress in counted]
        return {
            "records/s": median(rates),
            "records/s/core": median(rates) / CORES,
            "records/s, best batch": max(rates),
            "records/batch": total / len(counted),
            "batches": len(counted),
            "s/batch of it planning": median(p.durationMs["latestOffset"] for p in counted) / 1000,
            "CPU us/record, JVM": 1e6 * (last.cpu.jvm - first.cpu.jvm) / total,
            "CPU us/record, Python": 1e6 * (last.cpu.python - first.cpu.python) / total,
            # The median, because the last batch makes more calls: it searches for the end of the data.
            "API calls/batch": median(b.calls - a.calls for a, b in pairwise(marks[_WARM_UP:])),
        }


def _records(progress: StreamingQueryProgress, shards: int) -> int:
    return progress.numInputRows - shards
