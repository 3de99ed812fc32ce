"""The reasons are judged here by Python's own JSON reader: nothing of `raw.parse` is taken for granted."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from event_lake.generator.events import Timeline
from event_lake.generator.faults import FAULTS, fault_at, reason_of
from event_lake.generator.sequence import Record, records

TIMELINE = Timeline(seed=1, start_ms=1_795_000_000_000, rate=300.0)
COUNT = 7000
RECORDS = list(records(TIMELINE, first=0, count=COUNT))
NAME = re.compile("[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*")


def judgement(record: Record) -> list[str]:
    """Every reason why the record is no event, were it to arrive at its place on the timeline."""
    try:
        text = record.data.decode()
    except UnicodeDecodeError:
        # All else is to be right: a reader that replaces such bytes finds no other fault.
        return ["not_utf8", *of_content(json.loads(record.data.decode(errors="replace")), record.seconds)]
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError:
        return ["not_json"]
    if end < len(text):
        return ["trailing_data"]
    return of_content(value, record.seconds) if isinstance(value, dict) else ["not_an_object"]


def of_content(event: dict[str, Any], seconds: float) -> list[str]:
    uuid, name, created = (event.get(key) for key in ("event_uuid", "event_name", "created_at"))
    reasons = [f"missing_{key}" for key in ("event_uuid", "event_name", "created_at") if event.get(key) is None]
    if uuid is not None and not isinstance(uuid, str):
        reasons.append("wrong_type_event_uuid")
    if name is not None and not isinstance(name, str):
        reasons.append("wrong_type_event_name")
    if isinstance(name, str) and not NAME.fullmatch(name):
        reasons.append("malformed_event_name")
    if isinstance(created, bool):
        return [*reasons, "wrong_type_created_at"]
    return reasons if created is None else [*reasons, *of_time(created, seconds)]


def of_time(created: str | float, seconds: float) -> list[str]:
    try:
        number = float(created)
    except ValueError:
        return ["unreadable_created_at"]
    behind = TIMELINE.start_ms / 1000 + seconds - (number / 1000 if number >= 1e11 else number)
    if behind < -300:
        return ["created_at_in_future"]
    return ["created_at_too_old"] if behind > 30 * 86_400 else []


@pytest.mark.parametrize("kind", FAULTS)
def test_a_bad_record_has_the_one_fault_of_its_kind(kind: str) -> None:
    bad = [record for record in RECORDS if record.kind == kind]
    assert bad
    assert [judgement(record) for record in bad] == [[reason_of(kind)]] * len(bad)


def test_events_late_ones_and_copies_have_no_fault() -> None:
    assert {tuple(judgement(record)) for record in RECORDS if record.kind not in FAULTS} == {()}


@pytest.mark.parametrize("first", [0, 1, 77, 3299, 123_456])
def test_any_10000_events_have_3_or_4_bad_ones_of_each_kind(first: int) -> None:
    kinds = Counter(fault_at(number) for number in range(first, first + 10_000))
    good = kinds.pop(None)
    assert set(kinds) == set(FAULTS)
    assert set(kinds.values()) <= {3, 4}
    assert 9900 < good < 9950


def test_bad_records_are_unique_but_for_those_without_a_byte() -> None:
    bad = Counter(record.data for record in RECORDS if record.kind in FAULTS)
    assert bad.pop(b"") > 1
    assert set(bad.values()) == {1}


def test_two_events_in_one_record_have_uuids_of_their_own() -> None:
    both = next(record.data.decode() for record in RECORDS if record.kind == "trailing_data.two_events")
    uuids = re.findall('"event_uuid":"([^"]+)"', both)
    assert len(set(uuids)) == 2
