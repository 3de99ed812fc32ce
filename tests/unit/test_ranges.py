from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.errors import DataLossError, ServiceUnavailableError
from event_lake.kinesis.offsets import After, At, Position, TrimHorizon
from event_lake.kinesis.ranges import Range, pages_of
from unit.fake_shards import T0, FakeShards


class Sleeps(list[float]):
    """Remembers how long it should have slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def read(shards: FakeShards, start: Position, end: str, sleep: Sleeps | None = None) -> list[list[str]]:
    pages = pages_of(Range("a", start, After(end)), shards, sleep if sleep is not None else Sleeps())
    return [list(page.sequence_numbers) for page in pages]


def ten_records(**kinds: float) -> FakeShards:
    shards = FakeShards("a", clock=1000, **kinds)  # type: ignore[arg-type]
    shards.put("a", *range(0, 100, 10))
    return shards


def test_a_range_begins_behind_its_start_and_ends_with_its_end() -> None:
    shards = ten_records()
    numbers = shards.numbers("a")
    assert read(shards, After(numbers[2]), numbers[6]) == [numbers[3:7]]


def test_a_range_takes_as_many_pages_as_kinesis_makes_and_no_call_more() -> None:
    shards = ten_records(page_size=3)
    numbers = shards.numbers("a")
    assert read(shards, TrimHorizon(), numbers[5]) == [numbers[:3], numbers[3:6]]
    assert shards.calls == {"iterator": 1, "get_records": 2}


def test_every_column_of_the_last_page_is_cut() -> None:
    shards = ten_records()
    (page,) = pages_of(Range("a", At(T0), After(shards.numbers("a")[1])), shards, Sleeps())
    assert (page.data, page.partition_keys, page.arrived) == (
        [b"0", b"1"],
        ["0", "1"],
        [T0.timestamp(), T0.timestamp() + 10],
    )


def test_empty_answers_in_between_are_followed_at_a_pace_that_kinesis_allows() -> None:
    shards, sleep = ten_records(covers=4), Sleeps()
    numbers = shards.numbers("a")
    assert read(shards, TrimHorizon(), numbers[2], sleep) == [[number] for number in numbers[:3]]
    assert sleep == [0.2] * 3


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 11), st.sampled_from([None, 7.0, 35.0]))
def test_a_replay_reads_the_same_however_much_has_arrived_since(
    start: int, end: int, page_size: int, covers: float | None
) -> None:
    start, end = sorted((start, end))
    shards = FakeShards("a", clock=10 * end, page_size=page_size, covers=covers)
    shards.put("a", *range(0, 100, 10))
    numbers = shards.numbers("a")
    position = After(numbers[start - 1]) if start else TrimHorizon()
    first = list(chain(*read(shards, position, numbers[end])))
    shards.clock = 5000
    assert list(chain(*read(shards, position, numbers[end]))) == first == numbers[start : end + 1]


def test_an_end_that_has_expired_is_a_loss() -> None:
    shards = ten_records()
    numbers = shards.numbers("a")
    shards.trim("a", 8)
    with pytest.raises(DataLossError) as lost:
        read(shards, After(numbers[2]), numbers[6])
    assert str(lost.value) == (
        f"shard a doesn't hold record {numbers[6]} any more, where a batch ends: records expired before they"
        " were read; a new lake.root starts afresh"
    )


def test_an_end_that_kinesis_denies_is_no_wait_for_ever() -> None:
    shards, sleep = ten_records(), Sleeps()
    with pytest.raises(ServiceUnavailableError) as denied:
        read(shards, TrimHorizon(), "999", sleep)
    assert str(denied.value) == "shard a ended before record 999, which it held before"
    assert sleep == [0.2] * 51


def test_a_closed_shard_that_ends_too_soon_is_reported_at_once() -> None:
    shards, sleep = ten_records(), Sleeps()
    shards.close("a")
    with pytest.raises(ServiceUnavailableError):
        read(shards, TrimHorizon(), "999", sleep)
    assert sleep == []
