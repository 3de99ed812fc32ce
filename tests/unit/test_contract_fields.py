"""Fields of a payload, and the kinds of their values."""

import json

import pytest

from event_lake.contracts.fields_seen import find_fields


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("null", "null"),
        ('"1"', "string"),
        ("true", "boolean"),
        ("{}", "object"),
        ("-9007199254740992", "bigint"),
        ("9007199254740993", "bigint beyond a double"),
        ("-9223372036854775808", "bigint"),
        ("9223372036854775807", "bigint beyond a double"),
        ("9223372036854775808", "number"),
        ("18446744073709551615", "number beyond a double"),
        ("7" * 5_000, "number beyond a double"),
        ("1.0", "number"),
        ("1.10", "number"),
        ("0.1", "number"),
        ("0.30000000000000004", "number"),
        ("0.8444218515250481", "number"),
        ("0.10000000000000001", "number"),
        ("0.12345678901234567890123", "number beyond a double"),
        ("1e3", "number"),
        ("1e308", "number"),
        ("1e400", "number beyond a double"),
        ("1e-400", "number beyond a double"),
        ("0e-999999999", "number"),
        ("1e-9999999999999999999", "number beyond a double"),
        ("0e99999999999999999999", "number beyond a double"),
        ("1.00000000000000001e5", "number beyond a double"),
        ("[]", "array<null>"),
        ("[null]", "array<null>"),
        ("[1,null,2]", "array<bigint>"),
        ("[1,2.5]", "array<number>"),
        ("[9007199254740993,2.5]", "array<number beyond a double>"),
        ("[9007199254740993,1]", "array<bigint beyond a double>"),
        ("[{},{}]", "array<object>"),
        ('[1,"1"]', "array<other>"),
        ("[[1]]", "array<other>"),
        ("[" * 900 + "]" * 900, "array<other>"),
    ],
)
def test_a_kind_tells_what_a_column_must_hold(value: str, kind: str) -> None:
    assert next(find_fields(f'{{"a":{value}}}'))[1] == kind


def test_fields_are_those_of_the_payload_and_of_objects_directly_in_it() -> None:
    payload = r'{"a":1,"a":"2","b":{"c":1.50,"d":{"e":1}},"":0,"cut":"\ud83d","\ud83d":1}'
    assert list(find_fields(payload)) == [
        (("a",), "string", "2"),
        (("b",), "object", None),
        (("b", "c"), "number", "1.50"),
        (("b", "d"), "object", None),
        (("",), "bigint", "0"),
        (("cut",), "string", "?"),
    ]


def test_of_long_texts_the_beginning_is_seen_and_long_keys_are_no_fields() -> None:
    payload = json.dumps({"a": "x" * 1_000_000, "k" * 1_000: 1, "k" * 1_001: 1})
    assert list(find_fields(payload)) == [(("a",), "string", "x" * 40), (("k" * 1_000,), "bigint", "1")]


def test_a_number_may_have_a_million_digits() -> None:
    digits = "7" * 1_000_000
    kinds = [kind for _, kind, _ in find_fields(f'{{"a":{digits},"b":0.{digits},"c":1e{digits}}}')]
    assert kinds == ["number beyond a double"] * 3
