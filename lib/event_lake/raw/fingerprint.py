"""Which events a frame holds, told by three numbers, however Spark came to its rows and in whatever order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, Row
from pyspark.sql import functions as F

_NAMES = ("fp_events", "fp_keys", "fp_copies")
# Spark has no condition for it. Source: org.apache.spark.scheduler.DAGScheduler of Spark 4.1.3 and 4.2.0.
_MIXED = re.compile(
    r"with indeterminate output was failed and retried|cannot rollback (?:a running|completed) result stage"
    r"|indeterminate results from old attempt succeeded|depending on the (?:indeterminate|checksum mismatch) stage"
)


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """So many `events`, with these `keys` by `raw.dedup_on`, and these `copies` of them, by their places in the stream.

    Two frames with the same number of events and the same `keys` hold the same ones: the latter are 64 bits over all of
    them, in which an event that is missing, or there in place of another one, changes half.
    """

    events: int = 0
    keys: int = 0
    copies: int = 0

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        return Fingerprint(
            events=self.events + other.events, keys=self.keys ^ other.keys, copies=self.copies ^ other.copies
        )

    def same_events(self, other: "Fingerprint") -> bool:
        """Whether the other one has the same events, whichever of their copies."""
        return (self.events, self.keys) == (other.events, other.keys)


def fingerprint_columns(dedup_on: str, is_event: Column | None = None) -> tuple[Column, ...]:
    """Aggregations over judged rows (of those that `is_event` says), or over raw's: `read_fingerprint` reads them.

    `dedup_on` as in `config.Raw`.
    """
    key = F.xxhash64(*dedup_on.split("+"))
    copy = F.xxhash64("event_uuid", "shard_id", "sequence_number", "sub_sequence_number")
    counted = F.expr("true") if is_event is None else is_event
    told = (F.count_if(counted), *(F.bit_xor(F.when(counted, hashed)) for hashed in (key, copy)))
    return tuple(column.alias(name) for column, name in zip(told, _NAMES, strict=True))


def read_fingerprint(told: Mapping[str, Any]) -> Fingerprint:
    """What the aggregations of `fingerprint` gave, by their names; of no row Spark may give nothing."""
    events, keys, copies = (told.get(name) or 0 for name in _NAMES)
    return Fingerprint(events=events, keys=keys, copies=copies)


def sum_fingerprints(groups: Iterable[Row]) -> Fingerprint:
    """What they gave of all `groups` together."""
    return sum((read_fingerprint(group.asDict()) for group in groups), Fingerprint())


def is_mixing_refused(error: Exception) -> bool:
    """Whether Spark gave a job up so as not to mix two computations of its rows: nothing is wrong with either."""
    return _MIXED.search(str(error)) is not None
