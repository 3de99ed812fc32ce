"""What is at fault in a ledger, and what can't be seen in it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_lake.lake.ledger import LedgerRow
from event_lake.reconciliation.rules import Check, Fault, RowsFound, check_ledger_row, check_rows_found, number_of
from support.ledger_histories import NUMBERS, a_start, an_entry, find_faults, histories

LOST = "TRIM_HORIZON LOST 2026-11-21T09:00:00+00:00"
HOLE = "shardId-0 after 103: expired before 2026-11-21T09:00:00+00:00"


def checks(faults: list[Fault]) -> list[Check]:
    return [fault.check for fault in faults]


@settings(deadline=None)
@given(histories())
def test_a_history_as_ingest_raw_writes_it_has_no_fault(rows: list[LedgerRow]) -> None:
    assert find_faults(rows) == []


@settings(deadline=None)
@given(histories(least_rows=2), st.data())
def test_a_missing_row_is_found_but_the_newest_and_one_that_only_tells_a_start(
    rows: list[LedgerRow], data: st.DataObject
) -> None:
    gone = data.draw(st.integers(0, len(rows) - 2))
    assume(rows[gone].has_range)
    # A query may begin anywhere: where it tells its start first, nothing tells of the rows before.
    assume(gone > 0 or rows[1].has_range)
    del rows[gone]
    assert checks(find_faults(rows)) == [Check.CHAIN]


@settings(deadline=None)
@given(histories(least_rows=1), st.data())
def test_a_row_that_is_there_twice_is_found(rows: list[LedgerRow], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(rows))
    assert checks(find_faults([*rows, twice])) == [Check.ONCE]


@settings(deadline=None)
@given(histories(least_rows=1), st.data(), st.sampled_from(["read", "raw", "quarantined", "duplicates"]))
def test_a_count_that_is_changed_or_missing_is_found(rows: list[LedgerRow], data: st.DataObject, name: str) -> None:
    changed = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.none() | st.integers(-3, 100))
    assume(other != getattr(rows[changed], name))
    rows[changed] = replace(rows[changed], **{name: other})
    found = find_faults(rows)
    assert Check.BALANCE in checks(found)
    assert {fault.batch_id for fault in found} == {rows[changed].batch_id}


@settings(deadline=None)
@given(histories(least_rows=2), st.data())
def test_an_end_that_is_moved_or_missing_is_found_but_of_the_newest_row(
    rows: list[LedgerRow], data: st.DataObject
) -> None:
    reading = [i for i, row in enumerate(rows[:-1]) if row.has_range]
    assume(reading)
    changed = data.draw(st.sampled_from(reading))
    other = data.draw(st.none() | NUMBERS.map(str) | st.just("x"))
    assume(other != rows[changed].last_sequence_number)
    rows[changed] = replace(rows[changed], last_sequence_number=other)
    assert find_faults(rows) != []


@settings(deadline=None)
@given(histories(least_rows=1), st.data())
def test_a_start_that_is_moved_or_missing_is_found_but_of_the_first_row(
    rows: list[LedgerRow], data: st.DataObject
) -> None:
    """Where a shard's first row starts, nothing else tells."""
    changed = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.none() | NUMBERS.map(str) | st.just("after 5"))
    assume(other != rows[changed].start)
    assume(changed > 0 or rows[changed].has_range or other is None)
    rows[changed] = replace(rows[changed], start=other)
    assert find_faults(rows) != []


@settings(deadline=None)
@given(histories(least_rows=1), st.data())
def test_a_first_record_that_lies_outside_its_range_is_found(rows: list[LedgerRow], data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(rows) - 1))
    row = rows[changed]
    other = data.draw(st.none() | NUMBERS)
    if row.has_range and other is not None:
        assume(not (number_of(row.start) or 0) < other <= int(row.last_sequence_number or 0))
        assume(number_of(row.start) is not None or other > int(row.last_sequence_number or 0))
    assume(row.has_range or other is not None)
    rows[changed] = replace(row, first_sequence_number=None if other is None else str(other))
    assert checks(find_faults(rows)) == [Check.RANGE]


def test_a_gap_names_the_shard_the_batch_and_what_is_missing() -> None:
    assert check_ledger_row(an_entry(start="100"), an_entry(batch_id=6, last_sequence_number="90"), 90) == [
        Fault(
            check=Check.CHAIN,
            what="gap: batch 6 ended on 90",
            stream="events",
            shard_id="shardId-0",
            batch_id=7,
            place="after 90 up to 100",
        )
    ]


def test_an_overlap_names_what_was_read_twice() -> None:
    [found] = check_ledger_row(an_entry(start="95"), an_entry(batch_id=6, last_sequence_number="99"), 99)
    assert (found.place, found.what) == ("after 95 up to 99", "overlap: batch 6 ended on 99")


@pytest.mark.parametrize(
    ("before", "start", "place"),
    [
        (an_entry(batch_id=6), "AT 2026-11-21T09:00:00+00:00", "after 103"),
        (an_entry(batch_id=6), "TRIM_HORIZON", "after 103"),
        (an_entry(batch_id=6, hole=HOLE), "TRIM_HORIZON", "after 103"),
        (a_start("TRIM_HORIZON", batch_id=6), "AT 2026-11-21T09:00:00+00:00", "after TRIM_HORIZON"),
    ],
)
def test_a_query_that_began_anew_is_found(before: LedgerRow, start: str, place: str) -> None:
    [found] = check_ledger_row(an_entry(start=start), before, 90)
    assert (found.check, found.place) == (Check.CHAIN, place)


@pytest.mark.parametrize(
    ("first", "last", "wrong"), [("100", "103", True), ("101", "101", False), ("102", "101", True)]
)
def test_a_range_has_one_record_or_more_after_its_start(first: str, last: str, *, wrong: bool) -> None:
    row = an_entry(first_sequence_number=first, last_sequence_number=last)
    assert checks(check_ledger_row(row, a_start("100", batch_id=6), None)) == [Check.RANGE] * wrong


def test_a_negative_count_is_wrong_though_the_sum_is_right() -> None:
    [found] = check_ledger_row(an_entry(raw=-1, duplicates=3), a_start("100"), None)
    assert (found.check, found.what) == (Check.BALANCE, "raw is -1")


def test_a_number_is_compared_as_a_number() -> None:
    row = an_entry(start="9", first_sequence_number="10", last_sequence_number="11")
    assert check_ledger_row(row, an_entry(batch_id=6, last_sequence_number="9"), 9) == []


@pytest.mark.parametrize(
    ("before", "row"),
    [
        (an_entry(batch_id=6, hole=HOLE, last_sequence_number="100"), an_entry()),
        (a_start("90", batch_id=6, hole=HOLE), an_entry(start=LOST)),
        (an_entry(batch_id=6, last_sequence_number="90"), a_start(LOST)),
        (an_entry(batch_id=6, last_sequence_number="90"), a_start("TRIM_HORIZON")),
        (a_start("TRIM_HORIZON", batch_id=7), an_entry(start="TRIM_HORIZON")),
        (an_entry(batch_id=6, last_sequence_number="90"), a_start("CLOSED 90")),
    ],
    ids=[
        "a hole in the range before",
        "nothing left of it",
        "a hole that a new checkpoint tells",
        "the last record expired since",
        "began in this batch",
        "closed where it ended",
    ],
)
def test_a_row_may_follow(before: LedgerRow, row: LedgerRow) -> None:
    assert check_ledger_row(row, before, 90) == []


def test_what_follows_a_hole_lies_after_all_that_was_read() -> None:
    [found] = check_ledger_row(an_entry(start=LOST), a_start("102", batch_id=6, hole=HOLE), 102)
    assert (found.check, found.place) == (Check.CHAIN, "from 101 on")


def test_a_hole_is_lost_data() -> None:
    [found] = check_ledger_row(a_start("103", hole=HOLE), an_entry(batch_id=6), 103)
    assert (found.check, found.place, found.what) == (Check.HOLE, "after 103 up to 103", f"lost: {HOLE}")


def test_a_range_of_which_all_expired_has_an_end_only() -> None:
    lost = an_entry(hole=HOLE, first_sequence_number=None, read=0, raw=0, quarantined=0, duplicates=0)
    assert checks(check_ledger_row(lost, an_entry(batch_id=6, last_sequence_number="100"), 100)) == [Check.HOLE]


def found(**changed: object) -> RowsFound:
    agreed = RowsFound(
        stream="events",
        shard_id="shardId-0",
        batch_id=7,
        entered=1,
        start="100",
        first_sequence_number="101",
        last_sequence_number="103",
        raw=2,
        quarantined=1,
        found_raw=2,
        found_quarantined=1,
        unreadable=0,
        lowest="101",
        highest="103",
    )
    return replace(agreed, **changed)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"found_raw": 0}, ["raw: shardId-0, batch 7, after 100 up to 103: rows in raw/events: 0; by the ledger: 2"]),
        (
            {"found_quarantined": 2},
            ["quarantine: shardId-0, batch 7, after 100 up to 103: rows in raw/quarantine: 2; by the ledger: 1"],
        ),
        (
            {"lowest": "100", "highest": "1000"},
            [
                "outside: shardId-0, batch 7, after 100 up to 103: a row has the sequence number 100",
                "outside: shardId-0, batch 7, after 100 up to 103: a row has the sequence number 1000",
            ],
        ),
        (
            {"unreadable": 1},
            ["outside: shardId-0, batch 7, after 100 up to 103: rows without a sequence number: 1"],
        ),
        (
            {"entered": 0, "start": None, "first_sequence_number": None, "last_sequence_number": None},
            ["unknown: shardId-0, batch 7, records 101 to 103: raw/events has 2 of its rows, and raw/quarantine 1"],
        ),
    ],
)
def test_rows_that_the_ledger_tells_otherwise_are_named(changed: dict[str, object], expected: list[str]) -> None:
    assert [str(fault) for fault in check_rows_found(found(**changed))] == expected
