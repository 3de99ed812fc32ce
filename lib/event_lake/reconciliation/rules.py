"""Check the ledger's rows, and the rows that they count, and return what is at fault. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from event_lake.kinesis.offsets import At, Closed, Position, TrimHorizon, from_text, last_read, lost_at
from event_lake.lake.ledger import LedgerRow

# Source: Kinesis API reference, SequenceNumber.
_NUMBER = re.compile(r"[0-9]{1,129}")


class Check(Enum):
    """The checks of an audit, in the order of the report. The value says what holds where there is no fault."""

    BALANCE = "each ledger row balances: read = raw + quarantined + duplicates"
    RANGE = "each range lies after its start"
    ONCE = "a shard has one ledger row for a batch"
    CHAIN = "a shard's ranges meet: each starts where the one before ended"
    HOLE = "nothing expired before it was read"
    RAW = "raw/events has the rows that the ledger counts"
    QUARANTINE = "raw/quarantine has the rows that the ledger counts"
    UNKNOWN = "the ledger has the shard and batch of each row"
    OUTSIDE = "each row's sequence number lies in its range"
    CHANGED = "the ledger was only appended to"
    FINDING = "ingest_raw found no loss that nobody has acknowledged"
    CLOUDWATCH = "what was put into the stream was read"

    @property
    def key(self) -> str:
        """Return the check's name in the report."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that fails a check. `place` names the sequence numbers, the times or the version that it concerns."""

    check: Check
    what: str
    stream: str | None = None
    shard_id: str | None = None
    batch_id: int | None = None
    place: str | None = None

    def __str__(self) -> str:
        batch = None if self.batch_id is None else f"batch {self.batch_id}"
        return f"{self.check.key}: {', '.join(filter(None, [self.shard_id, batch, self.place]))}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class RowsFound:
    """One shard's part of one batch: the numbers by the ledger, and those by raw/events and raw/quarantine.

    The ledger has `entered` rows of it; the fields from `start` to `quarantined` are taken from these. The tables have
    `found_raw` and `found_quarantined` rows of it, of which `unreadable` ones have no valid sequence number. `lowest`
    and `highest` are the extremes of the other rows' sequence numbers.
    """

    stream: str | None
    shard_id: str | None
    batch_id: int | None
    entered: int
    start: str | None
    first_sequence_number: str | None
    last_sequence_number: str | None
    raw: int
    quarantined: int
    found_raw: int
    found_quarantined: int
    unreadable: int
    lowest: str | None
    highest: str | None

    def fault(self, check: Check, what: str) -> Fault:
        """Return a fault of these rows; its place is the ledger's range, or else the rows' own."""
        ledger_range = f"after {self.start} up to {self.last_sequence_number or self.start}" if self.start else None
        return Fault(
            check=check,
            what=what,
            stream=self.stream,
            shard_id=self.shard_id,
            batch_id=self.batch_id,
            place=ledger_range or (f"records {self.lowest} to {self.highest}" if self.lowest else None),
        )


def check_ledger_row(row: LedgerRow, before: LedgerRow | None, reached: int | None) -> list[Fault]:
    """Return the faults of a ledger row by itself, and of its connection to the shard's rows before it.

    `before` is the last of these rows, and `reached` is the highest sequence number in any of them. Where a query
    begins, a batch may have two rows of a shard: first one that only has the start, then one that has what was read.
    """
    faults = list(_check_counts(row))
    if before is not None and before.batch_id == row.batch_id and (before.has_range or not row.has_range):
        return [*faults, _fault(row, Check.ONCE, "the ledger has this row twice, or another of this shard and batch")]
    if row.hole:
        faults.append(_fault(row, Check.HOLE, f"lost: {row.hole}"))
    if wrong := _wrong_range(row):
        faults.append(_fault(row, Check.RANGE, wrong))
    elif before is None:
        faults += _check_first_row(row)
    else:
        faults += _check_link(row, before, reached)
    return faults


def check_rows_found(rows: RowsFound) -> list[Fault]:
    """Return the faults between a shard's ledger row of a batch and the rows that it counts."""
    if not rows.entered:
        counts = f"raw/events has {rows.found_raw:,} of its rows, and raw/quarantine {rows.found_quarantined:,}"
        return [rows.fault(Check.UNKNOWN, counts)]
    faults = [
        rows.fault(check, f"rows in raw/{table}: {in_table:,}; by the ledger: {by_ledger:,}")
        for check, table, in_table, by_ledger in (
            (Check.RAW, "events", rows.found_raw, rows.raw),
            (Check.QUARANTINE, "quarantine", rows.found_quarantined, rows.quarantined),
        )
        if in_table != by_ledger
    ]
    first, last = number_of(rows.first_sequence_number), number_of(rows.last_sequence_number)
    if first is None or last is None:
        return faults
    if rows.unreadable:
        faults.append(rows.fault(Check.OUTSIDE, f"rows without a sequence number: {rows.unreadable:,}"))
    ends = sorted({int(text) for text in (rows.lowest, rows.highest) if text})
    outside = [number for number in ends if not first <= number <= last]
    return faults + [rows.fault(Check.OUTSIDE, f"a row has the sequence number {number}") for number in outside]


def number_of(position: str | None) -> int | None:
    """Return the sequence number in the text of a position; None if there is none."""
    parsed = _parsed(position)
    number = None if parsed is None else last_read(parsed)
    return int(number) if number and _NUMBER.fullmatch(number) else None


def _fault(row: LedgerRow, check: Check, what: str, place: str | None = None) -> Fault:
    """Return a fault of a ledger row; its place is the row's range, unless `place` names another."""
    return Fault(
        check=check,
        what=what,
        stream=row.stream,
        shard_id=row.shard_id,
        batch_id=row.batch_id,
        place=place or f"after {row.start} up to {row.end}",
    )


def _parsed(position: str | None) -> Position | None:
    try:
        return from_text(position or "")
    except ValueError:
        return None


def _check_counts(row: LedgerRow) -> Iterator[Fault]:
    counts = {name: getattr(row, name) for name in ("read", "raw", "quarantined", "duplicates")}
    wrong = [f"{name} is {count}" for name, count in counts.items() if count is None or count < 0]
    if wrong:
        yield _fault(row, Check.BALANCE, ", ".join(wrong))
    elif counts["read"] != counts["raw"] + counts["quarantined"] + counts["duplicates"]:
        parts = f"{counts['raw']:,} raw, {counts['quarantined']:,} quarantined, {counts['duplicates']:,} duplicates"
        yield _fault(row, Check.BALANCE, f"{counts['read']:,} were read, but there are {parts}")


def _wrong_range(row: LedgerRow) -> str | None:
    """Return what is wrong with a row's range by itself; None if nothing is."""
    first, last = row.first_sequence_number, row.last_sequence_number
    if _parsed(row.start) is None:
        return f"its start is no position: {row.start}"
    if any(text is not None and not _NUMBER.fullmatch(text) for text in (first, last)):
        return f"no sequence numbers: {first} to {last}"
    if last is None:
        return "the number of its last record is missing" if first is not None or row.read else None
    if first is None and (row.read or not row.hole):
        return "the number of its first record is missing"
    lowest, start = int(first or last), number_of(row.start)
    if lowest > int(last) or (start is not None and lowest <= start):
        return f"its first record is {lowest}"
    return None


def _check_first_row(row: LedgerRow) -> Iterator[Fault]:
    """Yield a fault if a shard's first row has a range that begins in the middle of the shard.

    Such a range starts neither at the oldest record nor at a time. A first row without a range may start anywhere, as a
    query may begin anywhere.
    """
    start = _parsed(row.start)
    if row.has_range and not (start == TrimHorizon() or isinstance(start, At)):
        yield _fault(row, Check.CHAIN, "the shard's rows before this one are missing", f"up to {row.start}")


def _check_link(row: LedgerRow, before: LedgerRow, reached: int | None) -> Iterator[Fault]:
    """Yield a fault if a row doesn't start where the shard's row before it ended, or reads records again."""
    start, end = number_of(row.start), number_of(before.end)
    meets = row.start == before.end or (start is not None and start == end)
    # In two cases a row may start at the oldest record though the row before ended elsewhere:
    # 1. It has no range, as a new checkpoint begins there if the last record read has expired.
    # 2. The row before is only a hole: records that expired unread.
    at = _parsed(row.start)
    is_oldest = isinstance(at, TrimHorizon) or (isinstance(at, Closed) and lost_at(at) is not None)
    begins_anew = is_oldest and (not row.has_range or (before.hole and not before.has_range))
    ended = f"batch {before.batch_id} ended on {before.end}"
    if meets or begins_anew:
        lowest = number_of(row.first_sequence_number or row.last_sequence_number)
        if start is None and lowest is not None and reached is not None and lowest <= reached:
            yield _fault(row, Check.CHAIN, f"overlap: it was read up to {reached} before", f"from {lowest} on")
    elif start is None:
        yield _fault(row, Check.CHAIN, f"begins anew at {row.start}, though {ended}", f"after {before.end}")
    elif end is None or start > end:
        yield _fault(row, Check.CHAIN, f"gap: {ended}", f"after {before.end} up to {row.start}")
    else:
        yield _fault(row, Check.CHAIN, f"overlap: {ended}", f"after {row.start} up to {before.end}")
