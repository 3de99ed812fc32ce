import json
from collections import Counter
from random import Random

from event_lake.generator.catalog import EVENT_TYPES, draw_event_type, draw_fields


def test_a_hundred_event_types_differ_in_the_first_part_of_their_names() -> None:
    first_parts = {name.partition(":")[0] for kind in EVENT_TYPES for name in kind.event_names}
    assert len(EVENT_TYPES) == 100
    assert first_parts == {event_type.name for event_type in EVENT_TYPES}
    assert len(first_parts) == 100


def test_names_have_one_to_three_parts_and_types_one_to_four_names() -> None:
    names = [name for event_type in EVENT_TYPES for name in event_type.event_names]
    assert {len(name.split(":")) for name in names} == {1, 2, 3}
    assert {len(event_type.event_names) for event_type in EVENT_TYPES} == {1, 2, 3, 4}
    assert len(set(names)) == len(names)
    assert {"account:created", "lesson:started", "payment:order:completed"} <= set(names)


def test_no_two_event_types_have_the_same_fields() -> None:
    keys = [tuple(key for key, _ in event_type.fields) for event_type in EVENT_TYPES]
    assert len(set(keys)) == 100
    assert all(len(set(of_type)) == len(of_type) for of_type in keys)


def test_the_fields_of_all_types_are_json_of_every_kind() -> None:
    rng = Random(1)
    payloads = [json.loads(f"{{{draw_fields(kind, rng)}}}") for kind in EVENT_TYPES for _ in range(20)]
    found = {type(value) for payload in payloads for value in payload.values()}
    assert found == {str, int, float, bool, type(None), list, dict}


def test_frequent_types_are_a_hundred_times_as_frequent_as_rare_ones() -> None:
    rng = Random(1)
    drawn = Counter(draw_event_type(rng).name for _ in range(20_000))
    assert 0.17 < drawn[EVENT_TYPES[0].name] / 20_000 < 0.21
    assert drawn[EVENT_TYPES[0].name] > 50 * drawn[EVENT_TYPES[-1].name]
    assert len(drawn) == 100
