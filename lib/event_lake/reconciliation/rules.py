"""What must be true of the ledger's rows, and of the rows that they count; what is at fault where it isn't. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from event_lake.kinesis.offsets import At, Closed, Position, TrimHorizon, from_text, last_read, lost_at
from event_lake.lake.ledger import LedgerRow

# Kinesis API reference, SequenceNumber.
_NUMBER = re.compile(r"[0-9]{1,129}")


class Check(Enum):
    """What is checked, as it is where there's no fault, in the order of the report."""

    BALANCE = "each ledger row balances: read = raw + quarantined + duplicates"
    RANGE = "each range lies behind its start"
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
        """Its name in the report."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that isn't as it must be. `place`: the sequence numbers, times or version that it concerns."""

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
    """Of one shard and batch: what the ledger says in `entered` rows, and what the tables hold.

    `lowest` and `highest` are of the sequence numbers in both tables; `unreadable` are none.
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
        """One of these rows; its place is the ledger's range, or else the rows' own."""
        known = f"behind {self.start} up to {self.last_sequence_number or self.start}" if self.start else None
        return Fault(
            check=check,
            what=what,
            stream=self.stream,
            shard_id=self.shard_id,
            batch_id=self.batch_id,
            place=known or (f"records {self.lowest} to {self.highest}" if self.lowest else None),
        )


def check_ledger_row(row: LedgerRow, before: LedgerRow | None, reached: int | None) -> list[Fault]:
    """What is at fault in a ledger row, and between it and the rows of its shard before it.

    `before` is the last of these, and `reached` the highest sequence number in them. In a batch, a row that only tells
    where the query began comes before the one that tells what was read.
    """
    found = list(_counts(row))
    if before is not None and before.batch_id == row.batch_id and (before.has_range or not row.has_range):
        return [*found, _fault(row, Check.ONCE, "the ledger has this row twice, or another of this shard and batch")]
    if row.hole:
        found.append(_fault(row, Check.HOLE, f"lost: {row.hole}"))
    if wrong := _wrong_range(row):
        found.append(_fault(row, Check.RANGE, wrong))
    elif before is None:
        found += _opening(row)
    else:
        found += _link(row, before, reached)
    return found


def check_rows_found(found: RowsFound) -> list[Fault]:
    """What is at fault between a shard's ledger row of a batch and the rows that it counts."""
    if not found.entered:
        rows = f"raw/events has {found.found_raw:,} of its rows, and raw/quarantine {found.found_quarantined:,}"
        return [found.fault(Check.UNKNOWN, rows)]
    faults = [
        found.fault(check, f"rows in raw/{table}: {there:,}; by the ledger: {counted:,}")
        for check, table, there, counted in (
            (Check.RAW, "events", found.found_raw, found.raw),
            (Check.QUARANTINE, "quarantine", found.found_quarantined, found.quarantined),
        )
        if there != counted
    ]
    first, last = number_of(found.first_sequence_number), number_of(found.last_sequence_number)
    if first is None or last is None:
        return faults
    if found.unreadable:
        faults.append(found.fault(Check.OUTSIDE, f"rows without a sequence number: {found.unreadable:,}"))
    ends = sorted({int(text) for text in (found.lowest, found.highest) if text})
    outside = [number for number in ends if not first <= number <= last]
    return faults + [found.fault(Check.OUTSIDE, f"a row has the sequence number {number}") for number in outside]


def number_of(position: str | None) -> int | None:
    """The sequence number in a position's text, or None where it has none."""
    parsed = _parsed(position)
    number = None if parsed is None else last_read(parsed)
    return int(number) if number and _NUMBER.fullmatch(number) else None


def _fault(row: LedgerRow, check: Check, what: str, place: str | None = None) -> Fault:
    """Return a fault of a ledger row; its place is the row's range, unless another is named."""
    return Fault(
        check=check,
        what=what,
        stream=row.stream,
        shard_id=row.shard_id,
        batch_id=row.batch_id,
        place=place or f"behind {row.start} up to {row.end}",
    )


def _parsed(position: str | None) -> Position | None:
    try:
        return from_text(position or "")
    except ValueError:
        return None


def _counts(row: LedgerRow) -> Iterator[Fault]:
    counts = {name: getattr(row, name) for name in ("read", "raw", "quarantined", "duplicates")}
    wrong = [f"{name} is {count}" for name, count in counts.items() if count is None or count < 0]
    if wrong:
        yield _fault(row, Check.BALANCE, ", ".join(wrong))
    elif counts["read"] != counts["raw"] + counts["quarantined"] + counts["duplicates"]:
        parts = f"{counts['raw']:,} raw, {counts['quarantined']:,} quarantined, {counts['duplicates']:,} duplicates"
        yield _fault(row, Check.BALANCE, f"{counts['read']:,} were read, but there are {parts}")


def _wrong_range(row: LedgerRow) -> str | None:
    """What is wrong with a row's range by itself, if anything."""
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


def _opening(row: LedgerRow) -> Iterator[Fault]:
    """A shard's first row, which begins with the shard, at a time, or where the query was told to: then only that."""
    start = _parsed(row.start)
    if row.has_range and not (start == TrimHorizon() or isinstance(start, At)):
        yield _fault(row, Check.CHAIN, "the shard's rows before this one are missing", f"up to {row.start}")


def _link(row: LedgerRow, before: LedgerRow, reached: int | None) -> Iterator[Fault]:
    start, end = number_of(row.start), number_of(before.end)
    meets = row.start == before.end or (start is not None and start == end)
    # What expired leaves the next row to begin with the oldest that there is; a new checkpoint does so as well where
    # the last record that was read has expired since.
    at = _parsed(row.start)
    is_oldest = isinstance(at, TrimHorizon) or (isinstance(at, Closed) and lost_at(at) is not None)
    begins_anew = is_oldest and (not row.has_range or (before.hole and not before.has_range))
    ended = f"batch {before.batch_id} ended on {before.end}"
    if meets or begins_anew:
        lowest = number_of(row.first_sequence_number or row.last_sequence_number)
        if start is None and lowest is not None and reached is not None and lowest <= reached:
            yield _fault(row, Check.CHAIN, f"overlap: it was read up to {reached} before", f"from {lowest} on")
    elif start is None:
        yield _fault(row, Check.CHAIN, f"begins anew at {row.start}, though {ended}", f"behind {before.end}")
    elif end is None or start > end:
        yield _fault(row, Check.CHAIN, f"gap: {ended}", f"behind {before.end} up to {row.start}")
    else:
        yield _fault(row, Check.CHAIN, f"overlap: {ended}", f"behind {row.start} up to {before.end}")
