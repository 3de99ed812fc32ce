import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_lake.errors import UserError
from event_lake.kinesis.offsets import (
    After,
    At,
    Closed,
    Offset,
    Position,
    Summary,
    TrimHorizon,
    earlier_of,
    from_text,
    instant_of_seconds,
    last_read,
    to_text,
)

NINE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MADE = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DAY = Summary(MADE, timedelta(days=1))

TEXTS = {
    "TRIM_HORIZON": TrimHorizon(),
    "TRIM_HORIZON LOST 2026-11-21T09:00:00+00:00": TrimHorizon(lost_at=NINE),
    "AT 2026-11-21T09:00:00+00:00": At(NINE),
    "AT 2026-11-21T09:00:00.001000+00:00": At(NINE + timedelta(milliseconds=1)),
    "49590338271490256608559692538361571095921575989136588898": After(
        "49590338271490256608559692538361571095921575989136588898"
    ),
    "CLOSED": Closed(),
    "CLOSED 10": Closed("10"),
    "CLOSED LOST 2026-11-21T09:00:00+00:00": Closed(lost_at=NINE),
}

# Hypothesis wants naive bounds beside a time zone.
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.integers(1, 10**56 - 1).map(str)
positions = st.one_of(
    st.builds(TrimHorizon, st.none() | times),
    st.builds(At, times),
    st.builds(After, numbers),
    st.builds(Closed, numbers),
    st.builds(Closed, st.none(), st.none() | times),
)
summaries = st.builds(Summary, times, st.integers(24, 8760).map(lambda hours: timedelta(hours=hours)))
offsets = st.builds(Offset, st.dictionaries(st.text(min_size=1), positions), times, summaries)


def an_offset_as_json(**changed: Any) -> dict[str, Any]:
    json = {"shards": {"s-0": "5"}, "cut": NINE.isoformat(), "stream_created": MADE.isoformat(), "retention_hours": 24}
    return {key: value for key, value in (json | changed).items() if value is not ...}


@pytest.mark.parametrize(("text", "position"), TEXTS.items())
def test_every_position_has_one_text(text: str, position: Position) -> None:
    assert (to_text(position), from_text(text)) == (text, position)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "LATEST",
        "-1",
        "1.5",
        "٤٩",
        "5 6",
        "AT",
        "AT ",
        "AT 2026-11-21",
        "AT 2026-11-21T09:00:00",
        "AT 2026-11-21T09:00:00Z LOST",
        "TRIM_HORIZON LOST",
        "TRIM_HORIZON LOST yesterday",
        "TRIM_HORIZON 5",
        "trim_horizon",
        "CLOSED x",
        "CLOSED LOST",
        "CLOSED LOST 2026-11-21T09:00:00",
        "CLOSED 5 LOST 2026-11-21T09:00:00Z",
    ],
)
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no position in a shard|time zone|isoformat"):
        from_text(text)


def test_an_offset_is_written_with_its_shards_in_order_and_positions_as_text() -> None:
    offset = Offset({"s-2": After("49" * 28), "s-1": At(NINE), "s-0": TrimHorizon()}, NINE, DAY)
    assert json.dumps(offset.to_json()) == (
        '{"format": 1,'
        ' "shards": {"s-0": "TRIM_HORIZON", "s-1": "AT 2026-11-21T09:00:00+00:00", "s-2": "' + "49" * 28 + '"},'
        ' "cut": "2026-11-21T09:00:00+00:00",'
        ' "stream_created": "2026-03-01T12:00:00.500000+00:00", "retention_hours": 24}'
    )


def test_an_offset_of_before_there_were_formats_is_read() -> None:
    assert Offset.from_json(an_offset_as_json()) == Offset.from_json(an_offset_as_json(format=1))


def test_an_offset_of_a_newer_version_is_not_called_damaged() -> None:
    with pytest.raises(UserError) as refused:
        Offset.from_json({"format": 2, "parts": []})
    assert str(refused.value) == (
        "an offset in the checkpoint was written by a newer Event Lake: it has format 2, and this version knows them up"
        " to 1; use the newer version again"
    )


@given(offsets)
def test_an_offset_survives_the_offset_log(offset: Offset) -> None:
    assert Offset.from_json(json.loads(json.dumps(offset.to_json()))) == offset


@given(offsets)
def test_the_same_offset_is_always_the_same_text(offset: Offset) -> None:
    backwards = Offset(dict(reversed(offset.shards.items())), offset.cut, offset.summary)
    assert json.dumps(backwards.to_json()) == json.dumps(offset.to_json())


@pytest.mark.parametrize(
    "changed",
    [
        {"shards": ...},
        {"shards": ["s-0"]},
        {"shards": {"s-0": "LATEST"}},
        {"cut": ...},
        {"cut": "2026-11-21T09:00:00"},
        {"cut": 5},
        {"stream_created": ...},
        {"stream_created": "2026-11-21T09:00:00"},
        {"retention_hours": ...},
        {"retention_hours": "24"},
        {"arrived": ["s-0"]},
        {"arrived": {"s-0": "2026-11-21T09:00:00"}},
        {"arrived": {"s-0": 5}},
        {"arrived": {"s-9": "2026-11-21T09:00:00Z"}},
        {"shards": {"s-0": "TRIM_HORIZON"}, "arrived": {"s-0": "2026-11-21T09:00:00Z"}},
    ],
    ids=str,
)
def test_json_that_is_no_offset_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"is no offset of a stream|no position|no time zone|after no record|Invalid isoformat"
    ):
        Offset.from_json(an_offset_as_json(**changed))


def test_an_offset_tells_when_the_last_records_that_were_read_arrived() -> None:
    positions = {"s-2": After("7", arrived=NINE), "s-1": Closed("5", arrived=MADE), "s-0": After("3"), "s-3": At(NINE)}
    json = Offset(positions, NINE, DAY).to_json()
    assert json["shards"] == {"s-0": "3", "s-1": "CLOSED 5", "s-2": "7", "s-3": "AT 2026-11-21T09:00:00+00:00"}
    assert json["arrived"] == {"s-1": "2026-03-01T12:00:00.500000+00:00", "s-2": "2026-11-21T09:00:00+00:00"}
    assert Offset.from_json(json).to_json() == {"format": 1, **json}


def test_an_offset_from_before_there_were_arrivals_stays_as_it_is() -> None:
    json = an_offset_as_json(shards={"s-0": "5", "s-1": "CLOSED 7"})
    assert Offset.from_json(json).to_json() == {"format": 1, **json}


def test_an_offset_may_hold_more_than_is_known_of_it() -> None:
    assert Offset.from_json(an_offset_as_json(later="version")) == Offset({"s-0": After("5")}, NINE, DAY)


@pytest.mark.parametrize(("number", "reached"), [("9", True), ("10", True), ("11", False), ("100", False)])
def test_positions_compare_as_numbers_not_as_text(number: str, *, reached: bool) -> None:
    assert After("10").reaches(number) is reached


@pytest.mark.parametrize(
    ("position", "number"),
    [
        (TrimHorizon(), None),
        (TrimHorizon(NINE), None),
        (At(NINE), None),
        (After("5"), "5"),
        (Closed("5"), "5"),
        (Closed(), None),
        (Closed(lost_at=NINE), None),
    ],
)
def test_the_last_record_read_is_named_by_its_number(position: Position, number: str | None) -> None:
    assert last_read(position) == number


@pytest.mark.parametrize(
    ("end", "bound", "first"),
    [
        (After("9"), After("10"), After("9")),
        (After("10"), After("9"), After("9")),
        (After("9"), Closed("9"), After("9")),
        (Closed("9"), After("9"), After("9")),
        (Closed("9"), Closed("9"), Closed("9")),
        (Closed("10"), Closed("9"), Closed("9")),
        (After("9"), TrimHorizon(), TrimHorizon()),
        (After("9"), At(NINE), At(NINE)),
        (After("9"), Closed(), Closed()),
        (TrimHorizon(), After("9"), TrimHorizon()),
        (At(NINE), Closed("9"), At(NINE)),
        (Closed(), TrimHorizon(), TrimHorizon()),
        (Closed(), After("9"), Closed()),
        (TrimHorizon(), Closed(), TrimHorizon()),
    ],
    ids=str,
)
def test_of_an_end_and_a_bound_the_earlier_counts(end: Position, bound: Position, first: Position) -> None:
    assert earlier_of(end, bound) == first


@given(st.integers(0, 4_102_444_800_000))
def test_an_arrival_time_keeps_its_millisecond_through_the_float_of_json(ms: int) -> None:
    assert instant_of_seconds(json.loads(f"{ms // 1000}.{ms % 1000:03}")) == datetime(
        1970, 1, 1, tzinfo=UTC
    ) + timedelta(milliseconds=ms)
