"""What CloudWatch counted of a stream, compared with what the raw layer knows of the same minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time import EPOCH, instant_of
from event_lake.lake.window import Window
from event_lake.reconciliation.verdict import Comparison

_MINUTE = timedelta(minutes=1)
# CloudWatch keeps minutes for 15 days and 5 minutes for 63; a day less, as its clock may be another.
_GRIDS = ((timedelta(days=14), _MINUTE), (timedelta(days=62), 5 * _MINUTE))
_COARSEST = timedelta(hours=1)


# How many records were put from one time on and before another.
Count = Callable[[datetime, datetime], int]


class IncomingRecords(Protocol):
    """Who knows how many records a stream took: `aws.cloudwatch.CloudWatch`."""

    def incoming_records(self, stream: str, begin: datetime, end: datetime) -> int:
        """The records put into `stream` from `begin` on and before `end`, a KPL aggregate being one."""
        ...


def compare_arrivals(
    ledger: DataFrame, written: DataFrame, window: Window, incoming: Count, now: datetime
) -> Comparison | None:
    """The records of a stream that arrived in `window`, by `incoming` and by the tables.

    `ledger` has all rows of the stream, and `written` those of raw and quarantine. Both sides are counted by arrival
    and in Kinesis records: of an aggregate's rows one is counted. A copy that was dropped left only its batch's count,
    so all copies of the batches that may hold records of the time are possible ones. An arrival may be a minute off,
    so rows of a minute on either side of an edge are possible ones, too. The time ends where the ledger says that all
    shards were read. None where less than three whole minutes are known.
    """
    known = _known_time(ledger, written, window)
    if known is None:
        return None
    begin, end = whole_minutes(*known, now)
    if end - begin < 3 * _MINUTE:
        return None
    is_record = F.coalesce("sub_sequence_number", F.lit(0)) == 0
    is_within = _between("arrived_at", begin + _MINUTE, end - _MINUTE)
    counted = (
        written.where(_between("arrived_at", begin - _MINUTE, end + _MINUTE))
        .agg(F.count_if(is_record & is_within), F.count_if(is_record), F.max(F.unix_micros("ingested_at")))
        .first()
    )
    assert counted is not None, "a sum over all has a row"
    least, most, last_batch = counted
    copies = _copies(ledger, begin, begin if last_batch is None else instant_of(last_batch))
    return Comparison(
        begin=begin,
        end=end,
        put=incoming(begin, end),
        least=least,
        most=most + copies,
    )


def whole_minutes(begin: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The whole minutes in a time, or the whole 5 minutes, or hours, as CloudWatch keeps them so long after."""
    grid = next((grid for age, grid in _GRIDS if begin > now - age), _COARSEST)
    return EPOCH - (EPOCH - begin) // grid * grid, EPOCH + (end - EPOCH) // grid * grid


def _known_time(ledger: DataFrame, written: DataFrame, window: Window) -> tuple[datetime, datetime] | None:
    """The part of `window` of whose arrivals all were read; None if it isn't known."""
    has_rows = F.col("raw") + F.col("quarantined") > 0
    edges = ledger.agg(
        F.min(F.unix_micros("ingested_at")).alias("first"),
        F.max(F.unix_micros("read_until")).alias("read_until"),
        F.min(F.when(has_rows, F.col("batch_id"))).alias("first_batch"),
    ).first()
    if edges is None or edges.first_batch is None or edges.read_until is None:
        return None
    end = instant_of(edges.read_until)
    begin = window.begin
    if begin is None or begin < instant_of(edges.first):
        oldest = written.where(F.col("batch_id") == edges.first_batch).agg(F.min(F.unix_micros("arrived_at"))).first()
        if oldest is None or oldest[0] is None:
            return None
        begin = max(instant_of(oldest[0]), begin or EPOCH)
    return begin, min(end, window.end or end)


def _copies(ledger: DataFrame, begin: datetime, last_batch: datetime) -> int:
    """How many copies were dropped by batches that may hold arrivals from `begin` on.

    The last such batch that wrote rows began at `last_batch`. Behind it, up to the next that wrote any, there may be
    batches with nothing but copies.
    """
    wrote = F.col("raw") + F.col("quarantined") > 0
    following = (
        ledger.where(wrote & (F.col("ingested_at") > last_batch)).agg(F.min(F.unix_micros("ingested_at"))).first()
    )
    batches = ledger.where(F.col("ingested_at") >= begin - 2 * _MINUTE)
    if following is not None and following[0] is not None:
        batches = batches.where(F.col("ingested_at") <= instant_of(following[0]))
    summed = batches.agg(F.sum("duplicates")).first()
    assert summed is not None, "a sum over all has a row"
    return summed[0] or 0


def _between(column: str, begin: datetime, end: datetime) -> Column:
    return (F.col(column) >= begin) & (F.col(column) < end)
