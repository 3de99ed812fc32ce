"""Make ledgers of one shard as ingest_raw writes them, and find their faults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from event_lake.lake.ledger import LedgerRow
from event_lake.reconciliation.rules import Fault, check_ledger_row, number_of

# Real sequence numbers have 56 digits, those of emulators fewer.
NUMBERS = st.one_of(st.integers(1, 1_000), st.integers(10**55, 10**56 - 1))


def an_entry(**changed: Any) -> LedgerRow:
    """Return the ledger row of batch 7 of a shard, which read 3 records after sequence number 100."""
    entry = LedgerRow(
        stream="events",
        shard_id="shardId-0",
        batch_id=7,
        start="100",
        first_sequence_number="101",
        last_sequence_number="103",
        read=3,
        raw=1,
        quarantined=1,
        duplicates=1,
        hole=None,
    )
    return replace(entry, **changed)


def a_start(start: str, **changed: Any) -> LedgerRow:
    """Return the ledger row of a shard in a batch where a query begins: it has nothing but the position."""
    nothing = {"first_sequence_number": None, "last_sequence_number": None, "read": 0, "raw": 0}
    return an_entry(start=start, **nothing, quarantined=0, duplicates=0, **changed)


def find_faults(entries: Sequence[LedgerRow]) -> list[Fault]:
    """Return the faults of one shard's rows, which may come in any order."""
    faults: list[Fault] = []
    before: LedgerRow | None = None
    reached: int | None = None
    for entry in sorted(entries, key=lambda e: (e.batch_id, e.has_range, e.last_sequence_number or "")):
        faults += check_ledger_row(entry, before, reached)
        before = entry
        read = number_of(entry.last_sequence_number) if entry.has_range else None
        reached = read if reached is None or (read is not None and read > reached) else reached
    return faults


@st.composite
def histories(draw: st.DrawFn, *, least_rows: int = 0) -> list[LedgerRow]:
    """Draw a shard's rows over some batches. New checkpoints may begin between the batches."""
    rows: list[LedgerRow] = []
    position = draw(st.sampled_from(["TRIM_HORIZON", "AT 2026-11-21T09:00:00+00:00", "500"]))
    batch, begins_anew = draw(st.integers(0, 5)), position == "500"
    for _ in range(draw(st.integers(least_rows, 8))):
        if begins_anew:
            rows.append(a_start(position, batch_id=batch))
            batch += draw(st.integers(0, 3))
        else:
            rows.append(draw(_reading(position, batch)))
            position = str(rows[-1].last_sequence_number)
            batch += draw(st.integers(1, 100))
        begins_anew = not begins_anew and draw(st.integers(0, 4)) == 0
    return rows


@st.composite
def _reading(draw: st.DrawFn, start: str, batch: int) -> LedgerRow:
    begin = number_of(start) or 0
    first = begin + draw(NUMBERS)
    counts = {name: draw(st.integers(0, 20)) for name in ("raw", "quarantined", "duplicates")}
    return an_entry(
        batch_id=batch,
        start=start,
        first_sequence_number=str(first),
        last_sequence_number=str(first + draw(st.integers(0, 1_000))),
        read=sum(counts.values()),
        **counts,
    )
