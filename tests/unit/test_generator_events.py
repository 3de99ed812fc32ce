import json
import re
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from event_lake.generator.events import SPELLINGS, Draft, Timeline, draft_event

TIMELINE = Timeline(seed=1, start_ms=1_795_000_000_000, rate=300.0)


def drafts(count: int, timeline: Timeline = TIMELINE) -> list[Draft]:
    return [draft_event(timeline.rng(number), timeline.place_ms(number)) for number in range(count)]


def test_an_event_is_a_pure_function_of_timeline_and_number() -> None:
    same = Timeline(seed=1, start_ms=1_795_000_000_000, rate=300)
    assert drafts(50, same) == drafts(50)


@pytest.mark.parametrize(
    "other",
    [
        replace(TIMELINE, seed=2),
        replace(TIMELINE, start_ms=TIMELINE.start_ms + 1),
        replace(TIMELINE, rate=301.0),
    ],
)
def test_timelines_that_differ_share_no_event_uuid(other: Timeline) -> None:
    ours, theirs = ({draft.event_uuid for draft in drafts(500, of)} for of in (TIMELINE, other))
    assert len(ours | theirs) == 1000


def test_events_lie_on_the_timeline_at_its_rate() -> None:
    assert [TIMELINE.place_ms(number) - TIMELINE.start_ms for number in (0, 1, 300, 450)] == [
        0,
        3,
        1000,
        1500,
    ]


def test_a_payload_is_one_json_object_that_says_what_its_draft_says() -> None:
    for draft in drafts(300):
        payload = json.loads(draft.text())
        assert payload["event_uuid"] == draft.event_uuid
        assert payload["event_name"] == draft.event_name
        assert payload["user_id"] == draft.user_id


def test_event_uuids_are_version_4_and_unique() -> None:
    uuids = [UUID(draft.event_uuid) for draft in drafts(2000)]
    assert {(uuid.version, uuid.variant) for uuid in uuids} == {(4, "specified in RFC 4122")}
    assert len(set(uuids)) == 2000


def test_created_at_has_six_spellings_of_one_instant() -> None:
    assert [spelling(1_795_000_000_042) for spelling in SPELLINGS] == [
        "1795000000",
        "1795000000.042",
        "1795000000042",
        '"1795000000"',
        '"1795000000.042"',
        '"1795000000042"',
    ]


def test_all_spellings_of_created_at_are_about_as_frequent() -> None:
    counts = Counter(draft.spelling for draft in drafts(6000))
    assert set(counts) == set(SPELLINGS)
    assert all(850 < count < 1150 for count in counts.values())


def test_late_events_were_created_1_to_48_hours_before_their_place() -> None:
    lateness = [TIMELINE.place_ms(at) - draft.created_ms for at, draft in enumerate(drafts(10_000))]
    late = [ms / 3_600_000 for ms in lateness if ms]
    assert 10 <= len(late) <= 35
    assert all(1 <= hours <= 48 for hours in late)
    assert [draft.is_late for draft in drafts(10_000)] == [ms > 0 for ms in lateness]


def test_payloads_have_about_450_bytes_and_text_beyond_ascii() -> None:
    texts = [draft.text() for draft in drafts(3000)]
    assert 430 <= sum(len(text.encode()) for text in texts) / 3000 <= 470
    assert any(re.search("[^\x00-\x7f]", text) for text in texts)
    assert any(re.search(r"\\u[0-9a-f]{4}", text) for text in texts)


def test_a_few_users_are_busy() -> None:
    users = Counter(draft.user_id for draft in drafts(5000))
    assert 0.02 < users["u-000000"] / 5000 < 0.04
    assert len(users) > 2500
