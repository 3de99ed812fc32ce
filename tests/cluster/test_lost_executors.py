"""Executors that die, and tasks that run twice: each event is in raw once, and the ledger counts what is there.

`make test-faults` does the same without speculation as well, on a lake in S3, and more often (EXECUTOR_KILLS).
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import boto3
import pytest
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables
from event_lake.lake.session import set_for
from event_lake.lake.window import Window
from event_lake.reconciliation.reconcile import reconcile
from support.cluster_driver import BEFORE_RAW, IN_RAW
from support.clusters import SPECULATION, Ingest, ingesting
from support.counted_s3 import counted_s3
from support.emulators import make_stream
from support.sent import an_event

pytestmark = pytest.mark.cluster

KILLS = int(os.environ.get("EXECUTOR_KILLS", "1"))
DAY = 24 * 3600


@dataclass(frozen=True)
class Place:
    """What Spark's tasks do, and where the lake is: in an emulated S3, or in a local folder."""

    spark: Mapping[str, str] = field(default_factory=dict)
    in_s3: bool = False


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Place(SPECULATION), id="speculation"),
        pytest.param(Place(), id="plain", marks=pytest.mark.faults),
        pytest.param(Place(SPECULATION, in_s3=True), id="speculation in S3", marks=pytest.mark.faults),
    ],
)
def ingest(
    request: pytest.FixtureRequest,
    spark: SparkSession,
    kinesis_endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ingest]:
    """One for all tests, each of which has events of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    stream, place = make_stream(kinesis_endpoint, folder.name, shards=2), request.param
    with ExitStack() as running:
        s3 = None
        if place.in_s3:
            s3 = running.enter_context(counted_s3())
            s3.make_bucket("lakes")
            # This process reads the tables. Hadoop's settings can be given to a running session without the prefix.
            for key, value in s3.spark_settings().items():
                running.enter_context(set_for(spark, key.removeprefix("spark.hadoop."), value))
        yield running.enter_context(ingesting(stream, folder, s3, **place.spark))


@pytest.mark.parametrize("attempt", range(KILLS))
def test_an_executor_lost_between_count_and_append_leaves_a_ledger_that_counts_what_raw_has(
    spark: SparkSession, ingest: Ingest, attempt: int
) -> None:
    uuids = _uuids(1, attempt)
    _ingest(spark, ingest, uuids, kill=BEFORE_RAW)
    _assert_each_once(spark, ingest, uuids)


@pytest.mark.parametrize("attempt", range(KILLS))
def test_an_executor_lost_within_the_append_loses_and_doubles_no_event(
    spark: SparkSession, ingest: Ingest, attempt: int
) -> None:
    uuids = _uuids(2, attempt)
    _ingest(spark, ingest, uuids, kill=IN_RAW)
    _assert_each_once(spark, ingest, uuids)


def test_tasks_that_run_twice_lose_and_double_no_event(spark: SparkSession, ingest: Ingest) -> None:
    uuids = _uuids(3, 0)
    _ingest(spark, ingest, uuids)
    _assert_each_once(spark, ingest, uuids)


def test_the_reconciliation_finds_nothing_wrong_after_all_that(spark: SparkSession, ingest: Ingest) -> None:
    reconcile(spark, ingest.stream.settings(ingest.root), Window()).refuse_faults()


def test_spark_has_speculated_where_it_was_to(ingest: Ingest, request: pytest.FixtureRequest) -> None:
    assert (ingest.cluster.speculative_attempts() > 0) == ("speculation" in request.node.name)


def _uuids(test: int, attempt: int) -> Sequence[str]:
    return [f"{test:08}-{attempt:04}-4000-8000-{number:012}" for number in range(1500)]


def _ingest(spark: SparkSession, ingest: Ingest, uuids: Sequence[str], kill: str | None = None) -> None:
    """Each of `uuids` in two shards, as an event of one type and date in one, of another in the other one."""
    due = ingest.kills
    if kill:
        ingest.kill_an_executor(kill)
        due += 1
    now = int(ingest.stream.client().now().timestamp())
    boto = boto3.client("kinesis", endpoint_url=ingest.stream.endpoint, region_name="us-east-1")
    shards = boto.list_shards(StreamName=ingest.stream.name)["Shards"]
    entries = [
        {
            "Data": an_event(event_uuid=uuid, event_name=f"{name}{number % 6}:x", created_at=now - day * DAY),
            "PartitionKey": "key",
            "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"],
        }
        # Together, so that no batch ends between copies.
        for number, uuid in enumerate(uuids)
        for day, name, shard in zip((0, 1), "ab", shards, strict=True)
    ]
    read = _read(spark, ingest)
    for first in range(0, len(entries), 500):
        some = entries[first : first + 500]
        assert ingest.stream.client().put_records(some) == [None] * len(some)
    while _read(spark, ingest) < read + len(entries):
        ingest.await_batch()
    assert ingest.kills == due


def _read(spark: SparkSession, ingest: Ingest) -> int:
    """How many records the ledger says were read."""
    if not tables.exists(spark, ingest.root, layout.LEDGER):
        return 0
    return tables.read(spark, ingest.root, layout.LEDGER).selectExpr("coalesce(sum(read), 0)").collect()[0][0]


def _assert_each_once(spark: SparkSession, ingest: Ingest, uuids: Sequence[str]) -> None:
    raw = tables.read(spark, ingest.root, layout.RAW_EVENTS).where(f"event_uuid >= '{uuids[0][:13]}'").collect()
    assert Counter(row.event_uuid for row in raw) == Counter(uuids)
    ledger = tables.read(spark, ingest.root, layout.LEDGER).where("raw > 0").collect()
    batches = {row.batch_id for row in raw}
    counted = {(row.batch_id, row.shard_id): row.raw for row in ledger if row.batch_id in batches}
    assert counted == dict(Counter((row.batch_id, row.shard_id) for row in raw))
