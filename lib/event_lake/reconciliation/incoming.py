"""Compare the records that CloudWatch counted in a stream with those that the raw layer has of the same minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from event_lake.lake.time import EPOCH, instant_of
from event_lake.lake.window import Window
from event_lake.reconciliation.verdict import Comparison

_MINUTE = timedelta(minutes=1)
# CloudWatch keeps values of a minute for 15 days and of 5 minutes for 63 days: a day less, as its clock may differ.
_GRIDS = ((timedelta(days=14), _MINUTE), (timedelta(days=62), 5 * _MINUTE))
_COARSEST = timedelta(hours=1)


# Returns the number of records that were put from the first time on and before the second.
Count = Callable[[datetime, datetime], int]


class IncomingRecords(Protocol):
    """A service that counts the records put into a stream: `aws.cloudwatch.CloudWatch`."""

    def incoming_records(self, stream: str, begin: datetime, end: datetime) -> int:
        """Return the number of records put into `stream` from `begin` on and before `end`; a KPL aggregate is one."""
        ...


def compare_arrivals(
    ledger: DataFrame, written: DataFrame, window: Window, incoming: Count, now: datetime
) -> Comparison | None:
    """Count the records of a stream that arrived in `window`, by `incoming` and by the tables.

    `ledger` has all rows of the stream, and `written` has those of raw/events and raw/quarantine. Return None if fewer
    than three whole minutes can be compared. The compared time ends where all shards were read, by the ledger.

    Both sides count Kinesis records by their arrival: of the rows of a KPL aggregate only one counts. The tables bound
    the number from below and above. A duplicate that was dropped has left only its batch's count, without an arrival.
    So the upper bound includes all duplicates of each batch that may have read records of that time. CloudWatch may
    count an arrival a minute off. So the lower bound leaves out a minute at each end, and the upper bound adds one.
    """
    span = _known_time(ledger, written, window)
    if span is None:
        return None
    begin, end = whole_minutes(*span, now)
    if end - begin < 3 * _MINUTE:
        return None
    is_record = F.coalesce("sub_sequence_number", F.lit(0)) == 0
    is_within = _between("arrived_at", begin + _MINUTE, end - _MINUTE)
    sums = (
        written.where(_between("arrived_at", begin - _MINUTE, end + _MINUTE))
        .agg(F.count_if(is_record & is_within), F.count_if(is_record), F.max(F.unix_micros("ingested_at")))
        .first()
    )
    assert sums is not None, "a sum over all has a row"
    least, most, last_batch = sums
    duplicates = _count_duplicates(ledger, begin, begin if last_batch is None else instant_of(last_batch))
    return Comparison(
        begin=begin,
        end=end,
        put=incoming(begin, end),
        least=least,
        most=most + duplicates,
    )


def whole_minutes(begin: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Shrink a time to whole minutes, 5 minutes or hours, and return its beginning and end.

    The age of `begin` decides, as CloudWatch keeps finer values for a shorter time.
    """
    grid = next((grid for age, grid in _GRIDS if begin > now - age), _COARSEST)
    return EPOCH - (EPOCH - begin) // grid * grid, EPOCH + (end - EPOCH) // grid * grid


def _known_time(ledger: DataFrame, written: DataFrame, window: Window) -> tuple[datetime, datetime] | None:
    """Return the part of `window` whose arrivals were all read; None if the tables can't tell."""
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


def _count_duplicates(ledger: DataFrame, begin: datetime, last_batch: datetime) -> int:
    """Return the number of duplicates dropped by the batches that may have read arrivals from `begin` on.

    The last batch that wrote rows of the time began at `last_batch`. Batches after it may have read only duplicates of
    that time, so all up to the next batch that wrote rows are counted.
    """
    wrote = F.col("raw") + F.col("quarantined") > 0
    following = (
        ledger.where(wrote & (F.col("ingested_at") > last_batch)).agg(F.min(F.unix_micros("ingested_at"))).first()
    )
    batches = ledger.where(F.col("ingested_at") >= begin - 2 * _MINUTE)
    if following is not None and following[0] is not None:
        batches = batches.where(F.col("ingested_at") <= instant_of(following[0]))
    total = batches.agg(F.sum("duplicates")).first()
    assert total is not None, "a sum over all has a row"
    return total[0] or 0


def _between(column: str, begin: datetime, end: datetime) -> Column:
    return (F.col(column) >= begin) & (F.col(column) < end)
