from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS
from event_lake.generator.sequence import LATE, RETRY, Record, records

TIMELINE = Timeline(seed=1, start_ms=1_795_000_000_000, rate=10.0)
COUNT = 10_000
RECORDS = list(records(TIMELINE, first=0, count=COUNT))


def originals(of: list[Record]) -> list[Record]:
    return [record for record in of if record.kind != RETRY]


def test_a_run_with_the_same_seed_and_start_is_the_same_byte_for_byte() -> None:
    assert list(records(TIMELINE, first=0, count=COUNT)) == RECORDS


@given(first=st.integers(0, COUNT - 1), count=st.integers(1, 200))
def test_an_event_is_the_same_wherever_a_run_begins_and_ends(first: int, count: int) -> None:
    run = originals(list(records(TIMELINE, first=first, count=min(count, COUNT - first))))
    assert run == originals(RECORDS)[first : first + count]


def test_a_retry_copy_has_the_bytes_and_the_partition_key_of_an_earlier_event() -> None:
    seen: set[tuple[str, bytes]] = set()
    for record in RECORDS:
        if record.kind == RETRY:
            assert (record.partition_key, record.data) in seen
        elif record.kind not in FAULTS:
            seen.add((record.partition_key, record.data))


def test_one_event_in_50_has_a_copy_and_none_has_two() -> None:
    copies = Counter(record.data for record in RECORDS if record.kind == RETRY)
    assert 0.015 < len(copies) / COUNT < 0.025
    assert set(copies.values()) == {1}


def test_half_of_the_copies_come_within_3_events_and_half_1_to_3_minutes_later() -> None:
    created = {record.data: record.seconds for record in originals(RECORDS)}
    last = RECORDS[-1].seconds
    delays = [
        record.seconds - created[record.data]
        for record in RECORDS
        if record.kind == RETRY and created[record.data] < last - 181
    ]
    at_once = [delay for delay in delays if delay <= 0.31]
    assert 0.35 < len(at_once) / len(delays) < 0.65
    assert all(delay <= 0.31 or 60 <= delay <= 181 for delay in delays)


def test_copies_still_due_at_the_end_are_its_last_records() -> None:
    after_last_event = RECORDS[RECORDS.index(originals(RECORDS)[-1]) + 1 :]
    assert {record.kind for record in after_last_event} == {RETRY}
    assert {record.seconds for record in after_last_event} == {TIMELINE.seconds(COUNT - 1)}


def test_the_records_are_in_order_of_their_time() -> None:
    assert all(one.seconds <= next_one.seconds for one, next_one in pairwise(RECORDS))


def test_copies_are_extra_and_bad_records_stand_in_for_events() -> None:
    assert len(originals(RECORDS)) == COUNT
    assert LATE in {record.kind for record in RECORDS}


def test_a_record_is_as_large_as_its_data_and_its_key() -> None:
    assert Record("event", "ü", b"abc", 0.0).size == 5
