"""Proposals: from what was seen to the text of a contract."""

from random import Random

import pytest

from event_lake.contracts.load import load_contract
from event_lake.contracts.proposals import (
    ENOUGH_FOR_A_TYPE,
    ENOUGH_TO_REQUIRE,
    MOST_COLUMNS,
    MOST_MEMBERS,
    FieldSeen,
    format_proposal,
    looks_personal,
    type_of,
)

MANY = ENOUGH_TO_REQUIRE


def seen(path: str, kind: str, count: int = MANY, *examples: str) -> FieldSeen:
    return FieldSeen(path=tuple(path.split("/")), kind=kind, count=count, examples=examples)


FIELDS = [
    seen("event_uuid", "string"),
    seen("event_name", "string"),
    seen("created_at", "bigint"),
    seen("userId", "string", MANY, "a-999999"),
    seen("score", "number", MANY - 5, "9.9", "99.9"),
    seen("score", "bigint", 2, "9"),
    seen("score", "null", 3),
    seen("device", "object"),
    seen("device/os", "string"),
    seen("a.b", "boolean", 60),
    seen("date", "string", 60),
]
TEXT = """\
# Proposed from 3,000 events of all dates: read it over before you use it.
event_type = "lesson"
description = ""

[columns.a_b]
# 98.00% null or missing; boolean
type = "boolean"
path = ["a.b"]

[columns.device_os]
# never null or missing; string
type = "string"
path = "device.os"
required = true

[columns.payload_date]
# 98.00% null or missing; string
type = "string"
path = "date"

[columns.score]
# 0.10% null or missing; bigint, number; like 9 | 9.9 | 99.9
type = "double"

[columns.userId]
# never null or missing; string; like a-999999
type = "string"
required = true
pii = true
"""


def test_a_proposal_is_the_same_in_whatever_order_things_were_seen(tmp_path) -> None:
    for seed in range(5):
        shuffled = Random(seed).sample(FIELDS, len(FIELDS))
        assert format_proposal("lesson", MANY, shuffled, "of all dates") == TEXT
    file = tmp_path / "lesson.toml"
    file.write_text(TEXT, "utf-8")
    assert [column.name for column in load_contract(file).columns] == [
        "a_b",
        "device_os",
        "payload_date",
        "score",
        "userId",
    ]


@pytest.mark.parametrize(
    ("kinds", "proposed"),
    [
        ({"bigint": 50}, "bigint"),
        ({"bigint": 49}, "string"),
        ({"bigint": 49, "null": 9}, "string"),
        ({"bigint": 25, "number": 25}, "double"),
        ({"bigint": 99, "string": 1}, "string"),
        ({"boolean": 99, "null": 1}, "boolean"),
        ({"array<bigint>": 50, "array<null>": 9}, "array<bigint>"),
        ({"array<bigint>": 30, "array<number>": 30}, "array<double>"),
        ({"array<null>": 99}, "string"),
        ({"bigint": 99, "array<null>": 1}, "string"),
        ({"array<other>": 99}, "string"),
        ({"object": 99}, "string"),
        ({"null": 99}, "string"),
    ],
)
def test_a_type_is_one_that_took_enough_values_and_every_one(kinds: dict[str, int], proposed: str) -> None:
    assert type_of([seen("a", kind, count) for kind, count in kinds.items()]) == proposed


def test_too_few_events_prove_nothing_required() -> None:
    assert "required" not in format_proposal("lesson", MANY - 1, [seen("a", "bigint", MANY - 1)], "")


@pytest.mark.parametrize(
    "fields",
    [
        [seen("o", "object", MANY - 1), seen("o", "string", 1), seen("o/a", "bigint")],
        [seen("o", "object", ENOUGH_FOR_A_TYPE - 1), seen("o/a", "bigint", 9)],
        [seen("o", "object"), *(seen(f"o/{number}", "bigint", 9) for number in range(MOST_MEMBERS + 1))],
        [seen("o", "object")],
    ],
    ids=["not always an object", "seldom", "a map", "without members"],
)
def test_such_an_object_is_one_column_of_text(fields: list[FieldSeen]) -> None:
    text = format_proposal("lesson", MANY, fields, "")
    assert text.count("[columns.") == 1
    assert "[columns.o]\n" in text


def test_names_that_no_column_can_have_are_made_ones_that_it_can(tmp_path) -> None:
    paths = ["é", "ü", "9", "a b", "a.b", "A_B", "o/k", "o_k", "\u007f", '"', "event_subtype", "Date", ""]
    fields = [seen(path, "string") for path in paths]
    fields.append(seen("o", "object"))
    file = tmp_path / "lesson.toml"
    file.write_text(format_proposal("lesson", MANY, fields, ""), "utf-8")
    columns = load_contract(file).columns
    assert {column.keys for column in columns} == {tuple(path.split("/")) for path in paths if path}


def test_a_type_without_fields_of_its_own_has_no_proposal() -> None:
    assert format_proposal("heartbeat", MANY, FIELDS[:3], "") is None


def test_the_rarest_of_too_many_fields_are_left_out() -> None:
    fields = [seen(f"f{number:03d}", "string", 1 + number) for number in range(MOST_COLUMNS + 2)]
    text = format_proposal("lesson", MANY, fields, "")
    assert text.count("[columns.") == MOST_COLUMNS
    assert "# Its 2 rarest fields are left out." in text
    assert "f001" not in text


@pytest.mark.parametrize(
    "path", ["user_id", "userId", "email", "user_email", "phone", "ip", "ip_address", "first_name", "Name", "iban"]
)
def test_names_that_look_personal_do(path: str) -> None:
    assert looks_personal((path,))


@pytest.mark.parametrize("path", ["trip_id", "ship", "score", "title", "platform", "latency_ms", "visit_id", "recipe"])
def test_other_names_do_not_look_personal(path: str) -> None:
    assert not looks_personal((path,))
