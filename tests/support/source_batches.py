"""Drives the source as Spark does, but without Spark, and returns its offsets and the rows of its partitions."""

import json
import pickle
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from benchmarks.replay import Body, RefusedError
from event_lake.config.settings import Raw, Source
from event_lake.kinesis.admission import ReadLimit
from event_lake.kinesis.offsets import instant_of_seconds
from event_lake.kinesis.options import options_of
from event_lake.kinesis.source import KinesisDataSource, KinesisStreamReader
from event_lake.lake.schemas import RECORD
from support.replayed_streams import REGION, Stream

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
# The first arrival. The stream has 5 records a second in each shard, which all arrived within 20 s, an hour ago.
START = instant_of_seconds(int(datetime.now(UTC).timestamp()) - 3600)
COUNT = 100
SUMMARY = {"format": 1, "stream_created": START.isoformat(), "retention_hours": 168}


def payloads(shard: str) -> list[bytes]:
    return [f"{shard} {n}".encode() for n in range(COUNT)]


class Gone(Stream):
    """A stream that was deleted."""

    def answer(self, action: str, request: Mapping[str, Any], now_ms: int) -> Body:
        raise RefusedError("Stream events under account 123 not found.", "ResourceNotFoundException")


def a_reader(url: str, *, raw: Raw | None = None, **settings: Any) -> KinesisStreamReader:
    """Return a reader that is made as Spark makes one: from options, and shipped as bytes."""
    source = Source(**({"stream": "events", "region": REGION, "endpoint_url": url} | settings))
    data_source = KinesisDataSource(options_of(source, raw or Raw()))
    reader: KinesisStreamReader = pickle.loads(pickle.dumps(data_source.streamReader(RECORD)))
    return reader


def latest(reader: KinesisStreamReader, start: dict[str, Any], limit: ReadLimit | None = None) -> dict[str, Any]:
    """Return the reader's latest offset as it comes out of the offset log, which is JSON."""
    offset: dict[str, Any] = json.loads(json.dumps(reader.latestOffset(start, limit or reader.getDefaultReadLimit())))
    return offset


def offsets_of(reader: KinesisStreamReader, limit: ReadLimit | None = None) -> list[dict[str, Any]]:
    """Return every offset until the reader returns the one from which it planned."""
    offsets = [reader.initialOffset()]
    while len(offsets) < 2 or offsets[-1] != offsets[-2]:
        offsets.append(latest(reader, offsets[-1], limit))
    return offsets[:-1]


def rows_of(reader: KinesisStreamReader, start: dict[str, Any], end: dict[str, Any]) -> list[dict[str, Any]]:
    partitions = pickle.loads(pickle.dumps(reader.partitions(start, end)))
    batches = [batch for part in partitions for batch in reader.read(part)]
    return pa.Table.from_batches(batches).to_pylist() if batches else []


def data_of(rows: Sequence[dict[str, Any]], shard_id: str | None = None) -> list[bytes]:
    return [row["data"] for row in rows if row["receipt"] is None and shard_id in (None, row["shardId"])]


def numbers_of(url: str) -> list[str]:
    """Return the sequence numbers of the first shard's records."""
    reader = a_reader(url)
    _, start, end = offsets_of(reader)
    return [row["sequenceNumber"] for row in rows_of(reader, start, end) if row["shardId"] == FIRST][:-1]
