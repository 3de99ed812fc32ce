"""Judge records by the rules of `events.judge`, written again in plain Python with another JSON reader."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from event_lake.config.settings import Raw
from support.sent import ARRIVED

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# What turns the direction of text, and a byte order mark.
_TURNS_OR_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Number(str):
    """A JSON number, as it is spelled in the text."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """A JSON object as (key, value) pairs: a key may come twice."""


@dataclass(frozen=True)
class Verdict:
    """The `reasons` for which a record must be quarantined; none if it's an event.

    `fields` are event_uuid, event_name and the text of created_at; None for one that can't be read. `seconds` is
    created_at as Unix seconds.
    """

    reasons: list[str]
    fields: tuple[str | None, str | None, str | None] = (None, None, None)
    seconds: float | None = None


def verdict(data: bytes, rules: Raw) -> Verdict:
    """Return the verdict on a record that arrived at `sent.ARRIVED`."""
    if len(data) > rules.max_payload_bytes:
        return Verdict(["too_large"])
    try:
        text = data.decode()
        reasons = []
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        reasons = ["not_utf8"]
    is_text = not reasons
    try:
        value = _DECODER.decode(text)
    except ValueError:
        return Verdict(reasons or ["trailing_data" if _begins_with_object(text) else "not_json"])
    if too_deep := _depth(value) > rules.max_depth:
        reasons.append("too_deep")
    if not isinstance(value, Members) and is_text:
        reasons.append("not_an_object")
    if too_deep or not isinstance(value, Members):
        return Verdict(reasons)
    return _judge_object(dict(value), reasons, rules)


def _judge_object(members: dict[str, Any], reasons: list[str], rules: Raw) -> Verdict:
    uuid, name, created_at = (_value_at(members, path) for path in rules.fields.paths)
    seconds = _seconds(created_at, rules)
    arrived = ARRIVED.timestamp()
    checks = {
        "missing_event_uuid": uuid is None or (_is_string(uuid) and uuid == ""),
        "missing_event_name": name is None,
        "missing_created_at": created_at is None,
        "wrong_type_event_uuid": uuid is not None and not _is_string(uuid),
        "wrong_type_event_name": name is not None and not _is_string(name),
        "wrong_type_created_at": created_at is not None and not isinstance(created_at, str),
        "malformed_event_uuid": _is_string(uuid)
        and (len(uuid) > 256 or any(character == "\0" or "\ud800" <= character <= "\udfff" for character in uuid)),
        "malformed_event_name": _is_string(name) and not _is_name(name, rules),
        "unreadable_created_at": isinstance(created_at, str) and seconds is None,
        "created_at_in_future": seconds is not None and seconds > arrived + rules.max_future.total_seconds(),
        "created_at_too_old": seconds is not None
        and (seconds < arrived - rules.max_age.total_seconds() or seconds < 0),
    }
    all_reasons = [*reasons, *(reason for reason, holds in checks.items() if holds)]
    return Verdict(all_reasons, (_text(uuid), _text(name), _text(created_at)), seconds)


def _value_at(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return value
    return _value_at(dict(value).get(path[0]), path[1:]) if isinstance(value, Members | dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_refuse, strict=True
)


def _begins_with_object(text: str) -> bool:
    begin = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, _ = _DECODER.raw_decode(text, begin)
    except ValueError:
        return False
    return isinstance(value, Members)


def _depth(value: Any) -> int:
    deepest = 0
    waiting = [(value, 0)]
    while waiting:
        outer, level = waiting.pop()
        deepest = max(deepest, level)
        if isinstance(outer, Members):
            waiting += [(inner, level + 1) for _, inner in outer]
            deepest = max(deepest, level + 1)
        elif isinstance(outer, list):
            waiting += [(inner, level + 1) for inner in outer]
            deepest = max(deepest, level + 1)
    return deepest


def _is_string(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, Number)


def _is_printable(character: str) -> bool:
    code = ord(character)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    is_odd = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in _TURNS_OR_MARKS
    return not is_noncharacter and not is_odd


def _is_name(name: str, rules: Raw) -> bool:
    parts = name.split(":")
    takes_any = rules.name_characters == "any"
    return (
        not name.startswith("__")
        and len(parts) <= 8
        and all(1 <= len(part) <= 100 for part in parts)
        and (all(map(_is_printable, name)) if takes_any else set(name) <= {*_LETTERS, *rules.name_characters, ":"})
    )


def _seconds(created_at: Any, rules: Raw) -> float | None:
    if not isinstance(created_at, str):
        return None
    if not _NUMBER.fullmatch(created_at):
        is_time = not isinstance(created_at, Number) and rules.created_at_strings == "iso8601"
        return _iso_seconds(created_at) if is_time else None
    number = float(created_at)
    divisors = {10**11: 1, 10**14: 10**3}
    if rules.finest_created_at == "nanoseconds":
        divisors |= {10**17: 10**6, 10**20: 10**9}
    return next((number / divisor for bound, divisor in divisors.items() if abs(number) < bound), None)


def _shapes() -> Iterator[str]:
    zones = ["", "Z", "UTC", " UTC", *(f"{sign}00{rest}" for sign in "+-" for rest in ("", "00", ":00"))]
    fractions = ["", *("." + "0" * digits for digits in range(1, 10))]
    for zone in zones:
        yield from (f"{time}{zone}" for time in ("0000-00-00T00:00", "0000-00-00 00:00", "00000000T0000"))
        for fraction in fractions:
            for time in ("0000-00-00T00:00:00", "0000-00-00 00:00:00", "00000000T000000"):
                yield f"{time}{fraction}{zone}"


_SHAPES = frozenset(_shapes())


def _iso_seconds(text: str) -> float | None:
    # Python takes 60 minutes in a zone.
    if re.sub("[0-9]", "0", text) not in _SHAPES or re.search("[-+][0-9]{2}:?[6-9][0-9]$", text):
        return None
    # Python reads six digits of a fraction.
    whole, fraction, rest = re.fullmatch(r"([^.]*)((?:\.[0-9]+)?)(.*)", text).groups()  # type: ignore[union-attr]
    try:
        at = datetime.fromisoformat(whole + re.sub(" ?UTC", "Z", rest) if rest else re.sub(" ?UTC", "Z", whole))
    except ValueError:
        return None
    offset = at.utcoffset() or timedelta()
    if abs(offset) > timedelta(hours=18):
        return None
    return (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC) - offset).total_seconds() + float(fraction or 0)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return None
    # UTF-8 can't encode half a surrogate pair.
    return re.sub("[\ud800-\udfff]", "\0", str(value))
