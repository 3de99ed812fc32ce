"""Compare which events two frames hold by three numbers, which don't depend on the rows' order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, Row
from pyspark.sql import functions as F

_NAMES = ("fp_events", "fp_keys", "fp_copies")
# Spark has no error condition for this failure, only these words. Source: org.apache.spark.scheduler.DAGScheduler of
# Spark 4.1.3 and 4.2.0.
_MIXED = re.compile(
    r"with indeterminate output was failed and retried|cannot rollback (?:a running|completed) result stage"
    r"|indeterminate results from old attempt succeeded|depending on the (?:indeterminate|checksum mismatch) stage"
)


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The fingerprint of the events in a frame.

    `events` is their number. `keys` is the xor of a 64-bit hash of each event's key (`raw.dedup_on`), `copies` the xor
    of a 64-bit hash of each event's place in the stream. Frames with the same `events` and `keys` hold the same events,
    as an event that is missing, or in place of another one, changes each bit of `keys` with a chance of one half.
    Frames that have the same `copies`, too, hold the same one of several copies of an event.
    """

    events: int = 0
    keys: int = 0
    copies: int = 0

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        return Fingerprint(
            events=self.events + other.events, keys=self.keys ^ other.keys, copies=self.copies ^ other.copies
        )

    def has_same_events(self, other: "Fingerprint") -> bool:
        """True if both frames hold the same events, whichever copies of them."""
        return (self.events, self.keys) == (other.events, other.keys)


def fingerprint_columns(dedup_on: str, is_event: Column | None = None) -> tuple[Column, ...]:
    """Return aggregations that make the fingerprint of rows of raw/events, or of the validated rows where `is_event`.

    `read_fingerprint` reads their result. `dedup_on` is `config.Raw.dedup_on`.
    """
    key = F.xxhash64(*dedup_on.split("+"))
    copy = F.xxhash64("event_uuid", "shard_id", "sequence_number", "sub_sequence_number")
    counted = F.expr("true") if is_event is None else is_event
    columns = (F.count_if(counted), *(F.bit_xor(F.when(counted, hashed)) for hashed in (key, copy)))
    return tuple(column.alias(name) for column, name in zip(columns, _NAMES, strict=True))


def merge_columns() -> tuple[Column, ...]:
    """Return aggregations that make one fingerprint of several, over rows with the results of `fingerprint_columns`."""
    events, keys, copies = _NAMES
    return F.sum(events).alias(events), F.bit_xor(keys).alias(keys), F.bit_xor(copies).alias(copies)


def read_fingerprint(values: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint in the results of `fingerprint_columns`. A frame without rows may have no results."""
    events, keys, copies = (values.get(name) or 0 for name in _NAMES)
    return Fingerprint(events=events, keys=keys, copies=copies)


def sum_fingerprints(groups: Iterable[Row]) -> Fingerprint:
    """Return the fingerprint of all groups together, each a row with the results of `fingerprint_columns`."""
    return sum((read_fingerprint(group.asDict()) for group in groups), Fingerprint())


def is_mixing_refused(error: Exception) -> bool:
    """True if Spark failed a job so that its tasks wouldn't use two different computations of the rows.

    Rows are computed again when an executor is lost. Nothing is wrong with either computation: the job can be repeated.
    """
    return _MIXED.search(str(error)) is not None
