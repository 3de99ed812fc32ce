import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.errors import ServiceUnavailableError
from event_lake.generator.put import MOST_BYTES, MOST_RECORDS, RecordPutter, batches, pace
from event_lake.generator.sequence import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

THROTTLED = "ProvisionedThroughputExceededException"


class FlakyStream:
    """Refuses each entry with the given chance; remembers what it took."""

    def __init__(self, refused: float, seed: int = 1) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self._refused = refused
        self._rng = Random(seed)

    def put_records(self, entries: Sequence["PutRecordsRequestEntryTypeDef"]) -> list[str | None]:
        codes = [THROTTLED if self._rng.random() < self._refused else None for _ in entries]
        for entry, code in zip(entries, codes, strict=True):
            if code is None:
                assert isinstance(entry["Data"], bytes)
                self.taken.append((entry["PartitionKey"], entry["Data"]))
        return codes


class Clock:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def a_record(data: bytes = b"{}", *, seconds: float = 0.0) -> Record:
    return Record("event", "u-1", data, seconds)


@given(refused=st.floats(0, 0.4), seed=st.integers(0, 1000), count=st.integers(1, 60))
def test_every_record_is_put_exactly_once_whatever_is_refused(refused: float, seed: int, count: int) -> None:
    stream = FlakyStream(refused, seed)
    batch = [a_record(b"%d" % at) for at in range(count)]
    RecordPutter(stream, sleep=lambda _: None).put(batch)
    assert Counter(stream.taken) == Counter((record.partition_key, record.data) for record in batch)


def test_without_refusals_the_order_is_kept_and_nothing_waits() -> None:
    stream, clock = FlakyStream(0), Clock()
    putter = RecordPutter(stream, sleep=clock.sleep)
    putter.put([a_record(b"1"), a_record(b""), a_record(b"3")])
    assert stream.taken == [("u-1", b"1"), ("u-1", b""), ("u-1", b"3")]
    assert (clock.slept, putter.put_again) == ([], 0)


def test_it_gives_up_after_10_tries_and_names_the_codes() -> None:
    clock = Clock()
    putter = RecordPutter(FlakyStream(1), sleep=clock.sleep, rng=Random(1))
    with pytest.raises(ServiceUnavailableError, match=rf"2 records refused 10 times: {THROTTLED} \(2\)"):
        putter.put([a_record(), a_record()])
    assert len(clock.slept) == 9
    assert putter.put_again == 18


def test_each_wait_is_anything_up_to_a_bound_that_doubles_to_5_seconds() -> None:
    class Longest(Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0
            return b

    clock = Clock()
    with pytest.raises(ServiceUnavailableError):
        RecordPutter(FlakyStream(1), sleep=clock.sleep, rng=Longest()).put([a_record()])
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5])


@given(sizes=st.lists(st.sampled_from([0, 450, 300_000, 1_000_000]), max_size=1200))
def test_batches_keep_the_order_and_the_limits_of_a_request(sizes: list[int]) -> None:
    blobs = {size: bytes(size) for size in sizes}
    put = [a_record(blobs[size]) for size in sizes]
    made = list(batches(put, most_seconds=math.inf))
    assert [record for batch in made for record in batch] == put
    assert all(0 < len(batch) <= MOST_RECORDS for batch in made)
    assert all(sum(record.size for record in batch) <= MOST_BYTES for batch in made)


def test_a_batch_is_full_before_the_next_begins() -> None:
    made = batches([a_record() for _ in range(1001)], most_seconds=math.inf)
    assert [len(batch) for batch in made] == [500, 500, 1]


def test_a_batch_spans_less_than_the_given_time() -> None:
    made = batches([a_record(seconds=at / 10) for at in range(10)], most_seconds=0.25)
    assert [[record.seconds for record in batch] for batch in made] == [
        [0.0, 0.1, 0.2],
        [0.3, 0.4, 0.5],
        [0.6, 0.7, 0.8],
        [0.9],
    ]


def test_a_paced_batch_waits_for_the_time_of_its_last_record() -> None:
    clock = Clock()
    in_time = [[a_record(seconds=50.0), a_record(seconds=50.2)], [a_record(seconds=51.0)]]
    times = [clock() for _ in pace(in_time, clock=clock, sleep=clock.sleep)]
    assert times == pytest.approx([1000.2, 1001.0])


def test_a_batch_behind_its_time_is_not_held_back() -> None:
    clock = Clock()
    times = []
    for _ in pace([[a_record(seconds=at)] for at in (0.0, 1.0, 2.0, 6.0)], clock=clock, sleep=clock.sleep):
        times.append(clock())
        clock.now += 2.5  # as long as this put took
    assert times == pytest.approx([1000, 1002.5, 1005, 1007.5])
    assert clock.slept == []
