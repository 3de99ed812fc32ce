"""Make hostile records, each with the reasons for which it must be quarantined. They arrive at `sent.ARRIVED`."""

from collections.abc import Iterator

from support.poison_fields import broken_fields
from support.poison_texts import broken_texts
from support.sent import an_event, with_tokens

MIB = 1024 * 1024

Record = tuple[bytes, list[str]]


def poison() -> list[Record]:
    """Return some hundreds of small hostile records, all different."""
    return [*broken_texts(), *broken_fields()]


def heavy() -> Iterator[Record]:
    """Yield hostile records of megabytes, one after the other. They are made for the default limits."""
    size = 10 * MIB - 1024
    yield an_event(filler="x" * 10 * MIB), ["too_large"]
    yield b"\xff" * (10 * MIB + 1), ["too_large"]
    yield b"\xff" * size, ["not_utf8"]
    yield b"\0" * size, ["not_json"]
    yield b" " * size, ["not_json"]
    yield b"[" * size, ["not_json"]
    yield b'{"a":' * (size // 5), ["not_json"]
    yield b'"' * size, ["not_json"]
    yield b'"\\' * (size // 2), ["not_json"]
    yield b"1" * size, ["not_an_object"]
    yield b"-" * size, ["not_json"]
    yield b'"' + b"a" * size + b'"', ["not_an_object"]
    yield an_event() + b" " * size + b"x", ["trailing_data"]
    yield b"[" * 100_000 + b"]" * 100_000, ["too_deep", "not_an_object"]
    yield with_tokens(a='{"a":' * 100_000 + "1" + "}" * 100_000), ["too_deep"]
    yield with_tokens(a="[" * 100_000), ["not_json"]
    yield with_tokens(event_uuid='"' + "a" * size + '"'), ["malformed_event_uuid"]
    yield with_tokens(event_uuid="1" * size), ["wrong_type_event_uuid"]
    yield with_tokens(event_uuid="[" + "1," * (size // 2) + "1]"), ["wrong_type_event_uuid"]
    yield with_tokens(event_name='"' + "a" * size + '"'), ["malformed_event_name"]
    yield with_tokens(event_name='"' + "a:" * (size // 2) + '"'), ["malformed_event_name"]
    yield with_tokens(event_name='"' + "\\u0061" * (size // 6) + '"'), ["malformed_event_name"]
    yield with_tokens(event_name='"' + '\\"' * (size // 2) + '"'), ["malformed_event_name"]
    yield with_tokens(event_name='"' + "\\\\" * (size // 2) + '"'), ["malformed_event_name"]
    yield with_tokens(event_name="{" + ",".join(f'"{n}":{n}' for n in range(600_000)) + "}"), ["wrong_type_event_name"]
    yield with_tokens(created_at="9" * size), ["unreadable_created_at"]
    yield with_tokens(created_at='"' + "9" * size + '"'), ["unreadable_created_at"]
    yield with_tokens(created_at="0." + "9" * size), ["created_at_too_old"]
    yield with_tokens(created_at="1e" + "9" * size), ["unreadable_created_at"]


def harmless() -> Iterator[bytes]:
    """Yield events that look like poison, and are none."""
    size = 10 * MIB - 1024
    yield an_event(filler="x" * size)
    yield with_tokens(a="1" * size)
    yield with_tokens(a="-0." + "1" * 1_500 + "e-5000")
    yield with_tokens(a="[" * 99 + "]" * 99)
    yield with_tokens(a='"' + "\\ud800" * 1_000_000 + '"')
    yield with_tokens(a='"' + '\\"' * (size // 2) + '"')
    yield b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(500_000)) + b"," + an_event()[1:]
    yield b"{" + b'"event_uuid":5,' * 100_000 + an_event()[1:]
    yield b" \t\r\n" * 100_000 + an_event() + b" \t\r\n" * 100_000
    yield with_tokens(**{"k" * 50_000: "1"})
