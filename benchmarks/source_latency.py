"""Measures how soon a query sees records, and how soon a run ends that has read all: over 4 shards of moto."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from random import Random
from statistics import median, quantiles
from typing import Any
from unittest.mock import patch

import boto3
from moto.kinesis.models import KinesisBackend
from pyspark.sql import DataFrame

from benchmarks.figures import Figures
from benchmarks.source_session import REGION, check, in_new_process, records, session, source_of, use_any_credentials
from support.emulators import Stream, moto_endpoint

SHARDS = 4
_WARM_UP_PUTS, _PUTS = 5, 20
_RUNS, _RECORDS_PER_RUN, _PUT_AT_ONCE = 5, 200, 10


def put_to_visible(scale: float) -> Figures:
    """Measure the seconds from a put's call to the row in a foreachBatch, at a 1 s trigger."""
    with moto_endpoint() as endpoint_url:
        return in_new_process(_visible, _create_stream(endpoint_url, "visible"), max(5, round(_PUTS * scale)))


def end_of_data(_: float) -> Figures:
    """Measure the seconds from the last answer that held a record to the end of an AvailableNow run."""
    with moto_endpoint() as endpoint_url, _note_answers() as answer_times:
        runs = in_new_process(_runs, _create_stream(endpoint_url, "end"))
    # All processes of a machine share its monotonic clock.
    waits = [end - max(at for at in answer_times if begin < at < end) for begin, end in runs[:-1]]
    begin, end = runs[-1]
    return {
        "runs": len(waits),
        "s from last record to end, first run": waits[0],
        "s from last record to end, median": median(waits),
        "s from last record to end, worst": max(waits),
        "s, a whole run without records": end - begin,
    }


@contextmanager
def _note_answers() -> Iterator[list[float]]:
    """Note when this process' moto gives records, by the monotonic clock in seconds, while the block runs."""
    answer_times: list[float] = []
    get_records = KinesisBackend.get_records

    def get_and_note(*args: Any, **kwargs: Any) -> Any:
        answer = get_records(*args, **kwargs)
        _, answered_records, _ = answer
        if answered_records:
            answer_times.append(time.monotonic())
        return answer

    with patch.object(KinesisBackend, "get_records", get_and_note):
        yield answer_times


def _create_stream(endpoint_url: str, name: str) -> Stream:
    """Create a stream. Each measurement needs a `name` of its own, as this process' moto remembers all streams."""
    use_any_credentials()
    # werkzeug logs a line for each call.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    boto = boto3.client("kinesis", region_name=REGION, endpoint_url=endpoint_url)
    boto.create_stream(StreamName=name, ShardCount=SHARDS)
    return Stream(name, endpoint_url)


def _visible(stream: Stream, puts: int) -> Figures:
    rng, seen = Random(0), Queue[tuple[bytes, float]]()
    # The connection is open before the first put, as a producer's is.
    client = stream.client()

    def see(batch: DataFrame, _: int) -> None:
        rows = batch.where("receipt is null").select("data").collect()
        for row in rows:
            seen.put((bytes(row.data), time.monotonic()))

    with session("source-visible") as (spark, folder):
        query = (
            records(spark, source_of(stream.endpoint, stream.name))
            .writeStream.foreachBatch(see)
            .option("checkpointLocation", str(folder / "seen"))
            .trigger(processingTime="1 second")
            .start()
        )
        waits: list[float] = []
        for index in range(_WARM_UP_PUTS + puts):
            # Puts come at any moment between two triggers, and go to any shard.
            time.sleep(rng.uniform(1.0, 2.0))
            put = time.monotonic()
            client.put_records([{"Data": b"%d" % index, "PartitionKey": str(index)}])
            data, at = seen.get(timeout=60)
            check("record seen", int(data), index)
            waits.append(at - put)
        query.stop()
    counted = waits[_WARM_UP_PUTS:]
    return {
        "puts": len(counted),
        "s, median": median(counted),
        "s, p95": quantiles(counted, n=20, method="inclusive")[-1],
        "s, worst": max(counted),
    }


def _runs(stream: Stream) -> list[tuple[float, float]]:
    """Return when each run began and ended. The last one has no records to read."""
    runs: list[tuple[float, float]] = []
    counts: list[int] = []

    def read(batch: DataFrame, _: int) -> None:
        counts.append(batch.where("receipt is null").count())

    with session("source-end") as (spark, folder):
        for new_records in [_RECORDS_PER_RUN] * _RUNS + [0]:
            for keys in range(new_records // _PUT_AT_ONCE):
                stream.put(*[b"{}"] * _PUT_AT_ONCE, key=str(keys))
            counts.clear()
            begun = time.monotonic()
            (
                records(spark, source_of(stream.endpoint, stream.name))
                .writeStream.foreachBatch(read)
                .option("checkpointLocation", str(folder / "read"))
                .trigger(availableNow=True)
                .start()
                .awaitTermination()
            )
            runs.append((begun, time.monotonic()))
            check("records of a run", sum(counts), new_records)
    return runs
