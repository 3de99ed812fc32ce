"""Make records with poison in the fields: JSON objects that are no events."""

from collections.abc import Iterator

from support.sent import ARRIVED, an_event, with_tokens

SECONDS = int(ARRIVED.timestamp())
ALL_MISSING = ["missing_event_uuid", "missing_event_name", "missing_created_at"]

Record = tuple[bytes, list[str]]


def broken_fields() -> Iterator[Record]:
    """Yield all these records, each with the reasons for which it must be quarantined."""
    yield from _uuids()
    yield from _names()
    yield from _times()
    yield from _several()


def _uuids() -> Iterator[Record]:
    for token in ("null", '""'):
        yield with_tokens(event_uuid=token), ["missing_event_uuid"]
    for token in (
        "5",
        "-0",
        "1.5",
        "1e5",
        "1" * 2_000,
        "true",
        "false",
        "[]",
        "{}",
        '["a"]',
        '{"event_uuid":"a"}',
        '["\\ud800"]',
    ):
        yield with_tokens(event_uuid=token), ["wrong_type_event_uuid"]
    for token in (
        "\\u0000",
        "a\\u0000",
        "\\ud800",
        "a\\udfff",
        "\\udc00\\ud800",
        "\\ud83d\\ud83d\\ude00",
        "\\uD800\\\\udc00",
    ):
        yield with_tokens(event_uuid=f'"{token}"'), ["malformed_event_uuid"]
    for text in ("a" * 257, "é" * 257, "😀" * 257, " " * 257):
        yield an_event(event_uuid=text), ["malformed_event_uuid"]
    yield an_event(event_uuid=None, Event_uuid="a", event_uuidx="a", EVENT_UUID="a"), ["missing_event_uuid"]
    yield an_event(event_uuid=None, event={"event_uuid": "a"}), ["missing_event_uuid"]
    yield an_event()[:-1] + b',"event_uuid":null}', ["missing_event_uuid"]
    yield an_event()[:-1] + b',"event\\u005fuuid":5}', ["wrong_type_event_uuid"]


def _names() -> Iterator[Record]:
    yield with_tokens(event_name="null"), ["missing_event_name"]
    for token in ("5", "true", '["a"]', '{"a":"b"}', "1e5"):
        yield with_tokens(event_name=token), ["wrong_type_event_name"]
    for name in (
        "",
        ":",
        "a:",
        ":a",
        "a::b",
        "a:b:",
        ":a:b",
        " ",
        "a b",
        "a\n",
        "\na",
        "a\r",
        "a\t",
        "a\0",
        "a\u2028",
        "\ufeffa",
    ):
        yield an_event(event_name=name), ["malformed_event_name"]
    for name in (
        "é",
        "a:é",
        "\uff41",
        "\u0661",
        "a/b",
        "../a",
        "a\\b",
        "a%2Fb",
        "a=b",
        "a*",
        "a?",
        'a"',
        "a'",
        "a;b",
        "a|b",
        "<a>",
        "a#b",
    ):
        yield an_event(event_name=name), ["malformed_event_name"]
    for name in (
        "__",
        "__a",
        "__other__",
        "__HIVE_DEFAULT_PARTITION__:x",
        "a" * 101,
        "a:" + "a" * 101,
        ":".join("abcdefghi"),
    ):
        yield an_event(event_name=name), ["malformed_event_name"]
    for token in ("a\\u0000", "a\\ud800", "\\u003a", "a\\u000a", "\\u005f\\u005fa", "a\\/b"):
        yield with_tokens(event_name=f'"{token}"'), ["malformed_event_name"]


def _times() -> Iterator[Record]:
    yield with_tokens(created_at="null"), ["missing_created_at"]
    for token in ("true", "false", "[]", "{}", "[1795251600]", '{"$date":1795251600}'):
        yield with_tokens(created_at=token), ["wrong_type_created_at"]
    for text in (
        "",
        " ",
        "NaN",
        "Infinity",
        "-Infinity",
        "0x1p3",
        "1795251600d",
        "1795251600f",
        "+1795251600",
        "true",
        "null",
    ):
        yield an_event(created_at=text), ["unreadable_created_at"]
    for text in (
        " 1795251600",
        "1795251600\n",
        "01795251600",
        "1795251600.",
        ".5",
        "1,795,251,600",
        "1_795",
        "1e",
        "١٧٩٥٢٥١٦٠٠",
    ):
        yield an_event(created_at=text), ["unreadable_created_at"]
    for text in ("2026-11-21T09:00:00Z", "yesterday", "1795251600\0", "{", "9e99999999999"):
        yield an_event(created_at=text), ["unreadable_created_at"]
    for token in (
        "1e400",
        "-1e400",
        "1e99999999999",
        "1" * 2_000,
        "1e14",
        "100000000000000",
        "-100000000000000",
        '"1e400"',
    ):
        yield with_tokens(created_at=token), ["unreadable_created_at"]
    for token in (
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        '"-1"',
        "1e-400",
        "0.1",
        "-1795251600",
        "100000000000",
        "-100000000000",
        '"0"',
    ):
        yield with_tokens(created_at=token), ["created_at_too_old"]
    yield with_tokens(created_at=f"{SECONDS}e2"), ["created_at_too_old"]  # In 1975, as milliseconds.
    yield an_event(created_at=SECONDS - 30 * 86_400 - 1), ["created_at_too_old"]
    yield an_event(created_at=(SECONDS - 30 * 86_400) * 1_000 - 1), ["created_at_too_old"]
    for token in (
        f"{SECONDS + 301}",
        f"{SECONDS + 300}.001",
        "32472144000",
        "32472144000000",
        '"99999999999.9"',
    ):
        yield with_tokens(created_at=token), ["created_at_in_future"]


def _several() -> Iterator[Record]:
    """Yield records with more than one mistake."""
    yield b"{}", ALL_MISSING
    yield b" { } \n", ALL_MISSING
    yield b'{"":""}', ALL_MISSING
    yield b'{"a":' + an_event() + b"}", ALL_MISSING
    yield b'{"\\ud800":1,"error":2,"value":[],"key":{}}', ALL_MISSING
    yield (
        with_tokens(event_uuid="5", event_name="[]", created_at="{}"),
        ["wrong_type_event_uuid", "wrong_type_event_name", "wrong_type_created_at"],
    )
    yield (
        with_tokens(event_uuid='"\\u0000"', event_name='""', created_at='""'),
        ["malformed_event_uuid", "malformed_event_name", "unreadable_created_at"],
    )
    yield (
        with_tokens(event_uuid='""', event_name="null", created_at="1e12"),
        ["missing_event_uuid", "missing_event_name", "created_at_too_old"],
    )
    yield (
        b'{"event_uuid":"u","event_name":"a::b","created_at":"today","\xff":1}',
        ["not_utf8", "malformed_event_name", "unreadable_created_at"],
    )
    yield (
        b'{"event_name":"a","event_name":"b:","created_at":true,"created_at":-1}',
        ["missing_event_uuid", "malformed_event_name", "created_at_too_old"],
    )
