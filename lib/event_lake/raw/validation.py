"""Validate records on executors: judge each one, and make the rows of which the raw layer is made."""

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from event_lake.config.settings import Raw
from event_lake.events.judge import Judgement, judge
from event_lake.events.rules import Rules
from event_lake.lake.schemas import VALIDATED

_RECEIPT = Judgement()
_REASONS = pa.list_(pa.field("element", pa.string(), nullable=False))


def validate_records(records: DataFrame, settings: Raw) -> DataFrame:
    """Return a validated row (`schemas.VALIDATED`) for each row of `records` (`schemas.RECORD`).

    No record raises an error. This is for records that are in a DataFrame already. Those of a Kinesis stream are
    validated by the same Python worker of an executor that reads them (`raw.source`).
    """
    rules = Rules.of(settings)
    return records.mapInArrow(lambda batches: (validate_batch(batch, rules) for batch in batches), VALIDATED)


def validate_batch(records: pa.RecordBatch, rules: Rules) -> pa.RecordBatch:
    """Return a validated row (`schemas.VALIDATED`) for each row of `records` (`schemas.RECORD`), in the same order."""
    data, arrived_at = records.column("data"), records.column("approximateArrivalTimestamp")
    texts = pc.coalesce(records.column("content"), data)
    is_event, reasons, uuids, names, spelled, seconds = [], [], [], [], [], []
    arrivals = arrived_at.cast(pa.int64()).to_pylist()
    too_many = records.column("tooManyEvents").to_pylist()
    for text, micros, has_too_many in zip(texts.to_pylist(), arrivals, too_many, strict=True):
        judgement = (
            _RECEIPT if text is None else judge(text, micros / 1_000_000, rules, has_too_many_events=has_too_many)
        )
        # Values are collected by column, as an object for each row would keep the garbage collector busy.
        is_event.append(text is not None and not judgement.reasons)
        reasons.append(judgement.reasons)
        uuids.append(judgement.event_uuid)
        names.append(judgement.event_name)
        spelled.append(judgement.created_at)
        seconds.append(None if judgement.reasons else judgement.seconds)
    events = pa.array(is_event, pa.bool_())
    nothing = pa.nulls(len(records), pa.binary())
    columns = {
        "is_event": events,
        "data": pc.if_else(events, nothing, data),
        "payload": pc.if_else(events, texts, nothing).cast(pa.string()),
        "reasons": pa.array(reasons, _REASONS),
        "event_uuid": pa.array(uuids, pa.string()),
        "event_name": pa.array(names, pa.string()),
        "created_at": pa.array(spelled, pa.string()),
        "created_seconds": pa.array(seconds, pa.float64()),
        "stream": records.column("stream"),
        "shard_id": records.column("shardId"),
        "sequence_number": records.column("sequenceNumber"),
        "sub_sequence_number": records.column("subSequenceNumber"),
        "partition_key": records.column("partitionKey"),
        "arrived_at": arrived_at,
        "receipt": records.column("receipt"),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in VALIDATED.names], names=VALIDATED.names)
