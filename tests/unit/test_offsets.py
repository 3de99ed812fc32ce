import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.kinesis.offsets import After, At, Offset, TrimHorizon, instant

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

# Hypothesis wants naive bounds beside a time zone.
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.integers(1, 10**56 - 1).map(str)
positions = st.one_of(st.builds(TrimHorizon), st.builds(At, times), st.builds(After, numbers))
offsets = st.builds(Offset, st.dictionaries(st.text(min_size=1), positions), times)


def test_an_offset_is_written_with_its_shards_in_order_and_positions_as_text() -> None:
    offset = Offset({"s-2": After("49" * 28), "s-1": At(NINE), "s-0": TrimHorizon()}, NINE)
    assert json.dumps(offset.to_json()) == (
        '{"shards": {"s-0": "TRIM_HORIZON", "s-1": "AT 2026-11-21T09:00:00+00:00", "s-2": "' + "49" * 28 + '"},'
        ' "cut": "2026-11-21T09:00:00+00:00"}'
    )


@given(offsets)
def test_an_offset_survives_the_offset_log(offset: Offset) -> None:
    assert Offset.from_json(json.loads(json.dumps(offset.to_json()))) == offset


@given(offsets)
def test_the_same_offset_is_always_the_same_text(offset: Offset) -> None:
    backwards = Offset(dict(reversed(offset.shards.items())), offset.cut)
    assert json.dumps(backwards.to_json()) == json.dumps(offset.to_json())


@pytest.mark.parametrize("text", ["", "LATEST", "-1", "1.5", "٤٩", "AT ", "AT 2026-11-21", "AT 2026-11-21T09:00:00"])
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"position|time zone|isoformat"):
        Offset.from_json({"shards": {"s-0": text}, "cut": NINE.isoformat()})


def test_a_cut_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Offset.from_json({"shards": {}, "cut": "2026-11-21T09:00:00"})


@pytest.mark.parametrize(("number", "reached"), [("9", True), ("10", True), ("11", False), ("100", False)])
def test_positions_compare_as_numbers_not_as_text(number: str, *, reached: bool) -> None:
    assert After("10").reaches(number) is reached


@given(st.integers(0, 4_102_444_800_000))
def test_an_arrival_time_keeps_its_millisecond_through_the_float_of_json(ms: int) -> None:
    assert instant(json.loads(f"{ms // 1000}.{ms % 1000:03}")) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=ms
    )
