import json
from datetime import timedelta

import pytest

from event_lake.errors import ConfigError
from event_lake.kinesis.offsets import After, At, Closed, Position, TrimHorizon
from event_lake.kinesis.planning.start import refuse_expired, starting_positions
from event_lake.kinesis.shards import Lineage, Shard
from support.fake_shards import T0, FakeShards

NOW = T0 + timedelta(days=3)
DAY = timedelta(days=1)
# "a" was split into "b" and "c", and "b" into "d" and "e".
LINEAGE = Lineage([Shard("a"), Shard("b", ("a",)), Shard("c", ("a",)), Shard("d", ("b",)), Shard("e", ("b",))])


def start(start_from: str | dict[str, str]) -> dict[str, Position]:
    text = start_from if isinstance(start_from, str) else json.dumps(start_from)
    return starting_positions(text, LINEAGE, NOW, DAY)


def refusal(positions: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refused:
        start(positions)
    return str(refused.value)


@pytest.mark.parametrize(
    ("start_from", "position"),
    [
        ("earliest", TrimHorizon()),
        ("latest", At(NOW)),
        ((NOW - timedelta(hours=1)).isoformat(), At(NOW - timedelta(hours=1))),
        ("2026-11-24T00:00:00+02:00", At(NOW - timedelta(hours=2))),
        # Kinesis refuses a time in its future.
        ("2030-01-01T00:00:00Z", At(NOW)),
        # What arrived then has expired: what is left is all.
        ((NOW - DAY).isoformat(), TrimHorizon()),
        ("2000-01-01T00:00:00Z", TrimHorizon()),
    ],
)
def test_all_shards_begin_where_the_query_does(start_from: str, position: Position) -> None:
    assert start(start_from) == dict.fromkeys("abcde", position)


def test_a_shard_begins_at_the_position_that_is_given() -> None:
    given = {"a": "CLOSED 7", "b": "TRIM_HORIZON", "c": "5", "d": "AT 2026-11-23T12:00:00+00:00", "e": "CLOSED"}
    assert start(given) == {
        "a": Closed("7"),
        "b": TrimHorizon(),
        "c": After("5"),
        "d": At(NOW - timedelta(hours=12)),
        "e": Closed(),
    }


def test_a_shard_that_is_not_given_begins_at_its_beginning() -> None:
    assert start({"a": "5"}) == {"a": After("5")} | dict.fromkeys("bcde", TrimHorizon())


def test_the_parents_of_a_shard_that_is_given_were_read() -> None:
    assert start({"d": "5"}) == {
        "a": Closed(),
        "b": Closed(),
        "c": TrimHorizon(),
        "d": After("5"),
        "e": TrimHorizon(),
    }


def test_a_shard_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert refusal({"c": "5", "x": "5"}) == (
        "source.start_from = 'x': the stream has no such shard (any more); it has a, b, c, d, e"
    )


def test_a_position_that_cannot_be_read_is_refused_with_those_that_can() -> None:
    assert refusal({"c": "LATEST"}) == (
        "source.start_from = 'c': 'LATEST' is no position in a shard; write a sequence number, \"TRIM_HORIZON\","
        ' "AT <time>" or "CLOSED"'
    )


def test_a_time_in_the_future_is_now_for_a_single_shard_too() -> None:
    assert start({"c": "AT 2030-01-01T00:00:00Z"})["c"] == At(NOW)


def test_a_given_record_that_has_expired_is_refused_as_what_came_after_it_may_have() -> None:
    shards = FakeShards("a", clock=100, retention=50)
    shards.put("a", 10, 60)
    expired, there = shards.numbers("a")
    refuse_expired({"a": After(there)}, shards)
    with pytest.raises(ConfigError, match=rf"source[.]start_from = '{expired}': a doesn't hold this record any more"):
        refuse_expired({"a": After(expired)}, shards)
