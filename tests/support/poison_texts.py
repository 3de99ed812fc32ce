"""Make records with poison in the text: bytes that are no JSON object."""

import json
from collections.abc import Iterator

from support.sent import an_event, with_tokens

Record = tuple[bytes, list[str]]


def broken_texts() -> Iterator[Record]:
    """Yield all these records, each with the reasons for which it must be quarantined."""
    yield from _bytes()
    yield from _broken()
    yield from _trailing()
    yield from _values()
    yield from _deep()


def _bytes() -> Iterator[Record]:
    """Yield bytes that aren't UTF-8, and events in other encodings."""
    text = an_event().decode()
    for data in (
        b"\xff",
        b"\xfe\xff",
        b"\xff\xfe",
        b"\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xf8\x88\x80\x80\x80",
    ):
        yield data, ["not_utf8"]
    for data in (b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xc1\xbf"):
        yield an_event().replace(b"lesson", b"lesson" + data), ["not_utf8", "malformed_event_name"]
        yield an_event()[:-1] + b',"a":"' + data + b'"}', ["not_utf8"]
        yield an_event()[:-1] + b',"' + data + b'":1}', ["not_utf8"]
    yield b'{"event_uuid":"\xff"}', ["not_utf8", "missing_event_name", "missing_created_at"]
    yield an_event() + b"\xff", ["not_utf8"]
    yield text.encode("latin-1").replace(b"lesson", b"le\xe7on"), ["not_utf8", "malformed_event_name"]
    yield text.encode("utf-16"), ["not_utf8"]
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield text.encode(encoding), ["not_json"]
    yield b"+AHs-" + text[1:].encode("utf-7"), ["not_json"]
    yield text.encode("utf-8-sig"), ["not_json"]
    yield text.encode("cp037"), ["not_utf8"]
    yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff", ["not_utf8"]
    yield b"\x1f\x8b", ["not_utf8"]


def _broken() -> Iterator[Record]:
    """Yield texts that are no JSON."""
    for text in (
        "",
        " ",
        "\n",
        "\0",
        "\x1e",
        "\ufeff",
        "\u2028",
        "nul",
        "True",
        "None",
        "undefined",
        "NaN",
        "Infinity",
    ):
        yield text.encode(), ["not_json"]
    for text in ("-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1_000", "1,000", "\u0661", "--1", "1.2.3"):
        yield text.encode(), ["not_json"]
        yield with_tokens(a=text), ["not_json"]
    for text in (
        '"',
        "'a'",
        '"a',
        '"\\',
        '"\\"',
        '"\\x"',
        '"\\u12"',
        '"\\u12g4"',
        '"\\U0041"',
        '"\t"',
        '"\n"',
        '"\0"',
        '"\x1f"',
    ):
        yield text.encode(), ["not_json"]
        yield with_tokens(event_uuid=text), ["not_json"]
    for text in (
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{{}}",
        "{[]}",
        "[{]}",
        "[,]",
        "[1,]",
        "[1 2]",
        "{,}",
        '{"a"}',
        '{"a":}',
    ):
        yield text.encode(), ["not_json"]
    for text in (
        '{"a" 1}',
        '{"a":1,}',
        '{"a":1 "b":2}',
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{null:1}",
        '{"a"::1}',
        '{"a":1;"b":2}',
    ):
        yield text.encode(), ["not_json"]
    for mistake in (
        '"a\\x,"a":1',
        '"a\n,"a":1',
        '"b","event_uuid":"a\\x,"a":1',
        "tru",
        "nulll",
        "/**/1",
        "1//\n",
    ):
        yield with_tokens(event_uuid=mistake), ["not_json"]
        yield an_event()[:-1] + b',"event_uuid":' + mistake.encode() + b"}", ["not_json"]
    for cut in range(8, len(an_event()), 7):
        yield an_event()[:cut], ["not_json"]
    yield an_event()[1:], ["not_json"]
    yield an_event().replace(b'"', b"'"), ["not_json"]
    yield an_event().replace(b":", b"=", 1), ["not_json"]
    yield b"event_uuid=1&event_name=a", ["not_json"]
    yield b"<event/>", ["not_json"]
    yield b"x" + an_event(), ["not_json"]
    yield b"/* */" + an_event(), ["not_json"]
    yield with_tokens(**{"k" * 60_000: "1"}), ["not_json"]


def _trailing() -> Iterator[Record]:
    """Yield objects that are followed by more text."""
    event = an_event()
    for more in (
        b"x",
        b"}",
        b"]",
        b",",
        b"null",
        b"{}",
        b"[]",
        b'"',
        b"\0",
        b"/**/",
        b"# x",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
    ):
        yield event + more, ["trailing_data"]
    for between in (b"", b" ", b",", b"\n", b"\r\n", b"\x1e", b"\0", b"],[", b"},{", b":", b'],"a":['):
        yield event + between + event, ["trailing_data"]
    for framing in (
        b"] x",
        b',{"end":"119"}] x',
        b"]}",
        b'],"value":[{}',
        b'},"key":{}',
        b',"key":{"a":1}',
        b"}}",
        b"]] [",
    ):
        yield event + framing, ["trailing_data"]
    yield b"{}{}", ["trailing_data"]
    yield b"{}" + event, ["trailing_data"]
    yield b"{}x}", ["trailing_data"]
    yield event[:-1] + b'}"}', ["trailing_data"]


def _values() -> Iterator[Record]:
    """Yield JSON values that are no objects, and some in a row, which are no JSON."""
    event = an_event().decode()
    values = (
        "null",
        "true",
        "false",
        "0",
        "-0",
        "5",
        "1.50",
        "1e400",
        "1" * 2_000,
        '""',
        '"a"',
        '"\\ud800"',
        "[]",
        "[1]",
    )
    for value in values:
        yield value.encode(), ["not_an_object"]
    for value in (f"[{event}]", f"[{event},{event}]", json.dumps(event), f" {json.dumps([event])}\n", '"{}"', "[[{}]]"):
        yield value.encode(), ["not_an_object"]
    for text in ("1 2", "null,null", '"a" "b"', "[] []", "[]{}", f"1{event}", f"[],{event}", f"null\n{event}"):
        yield text.encode(), ["not_json"]


def _deep() -> Iterator[Record]:
    """Yield values that nest one level too deep, or more."""
    for levels in (100, 101, 500, 1_000, 1_001, 5_000):
        yield with_tokens(a="[" * levels + "]" * levels), ["too_deep"]
        yield with_tokens(a='{"a":' * levels + "{}" + "}" * levels), ["too_deep"]
        yield with_tokens(event_name="[" * levels + "]" * levels), ["too_deep"]
        yield b"[" + b"[" * levels + b"]" * levels + b"]", ["too_deep", "not_an_object"]
        yield with_tokens(a="[" * levels + "]" * levels) + b"x", ["trailing_data"]
        yield with_tokens(a="[" * levels), ["not_json"]
