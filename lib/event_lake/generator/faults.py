"""Make records that are no events, each with one mistake that producers make."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from event_lake.generator.events import Draft, draw_uuid

# This is far beyond raw.max_age and raw.max_future, wherever within them the timeline lies. A day would be too little:
# on a timeline that begins days ago, an event "from tomorrow" lies in the past.
_FAR_MS = 400 * 24 * 3_600_000
_YEAR_2999_MS = 32_472_144_000_000

# Any 10,000 events have 3 bad records of each kind, evenly spread: 0.64 % altogether.
_PERIOD = 3300
_DISTANCE = 157

Fault = Callable[[Draft, Random], bytes]
"""A function from a valid event to the bytes that a producer's mistake makes of it."""


def fault_at(number: int) -> str | None:
    """Return the kind of bad record that replaces event `number`; None if the event is a good one."""
    slot, rest = divmod(number % _PERIOD, _DISTANCE)
    return _KINDS[slot] if rest == _DISTANCE // 2 and slot < len(_KINDS) else None


def reason_of(kind: str) -> str:
    """Return the one reason for which a record of this kind must be quarantined."""
    return kind.partition(".")[0]


def _with(**values: object) -> Fault:
    """Return a fault that gives required fields other values. None leaves the field out."""
    return lambda draft, _: _rewrite(draft, values)


def _rewrite(draft: Draft, values: dict[str, object]) -> bytes:
    required = {
        "event_uuid": f'"{draft.event_uuid}"',
        "event_name": f'"{draft.event_name}"',
        "created_at": draft.spelling(draft.created_ms),
    }
    required |= {name: json.dumps(value) for name, value in values.items()}
    left_out = {name for name, value in values.items() if value is None}
    members = [f'"{name}":{text}' for name, text in required.items() if name not in left_out]
    return f"{{{','.join([*members, draft.fields])}}}".encode()


def _created_at(ms: int) -> Fault:
    return lambda draft, _: replace(draft, created_ms=ms).text().encode()


def _moved(by_ms: int) -> Fault:
    return lambda draft, rng: _created_at(draft.created_ms + by_ms)(draft, rng)


def _not_utf8(draft: Draft, _: Random) -> bytes:
    # The byte is an é in Latin-1 within a string, so that all else stays JSON.
    return draft.text().encode().replace(b'"user_id":"', b'"user_id":"\xe9', 1)


def _truncated(draft: Draft, _: Random) -> bytes:
    text = draft.text()
    # This cuts between characters. Half a character would be another mistake.
    return text[: len(text) // 2].encode()


def _two_events(draft: Draft, rng: Random) -> bytes:
    return (draft.text() + replace(draft, event_uuid=draw_uuid(rng)).text()).encode()


FAULTS: dict[str, Fault] = {
    "not_utf8": _not_utf8,
    "not_json": _truncated,
    "not_json.empty": lambda *_: b"",
    "not_json.single_quotes": lambda draft, _: draft.text().replace('"', "'").encode(),
    "trailing_data": lambda draft, _: f"{draft.text()}garbage".encode(),
    "trailing_data.two_events": _two_events,
    "not_an_object": lambda draft, _: f"[{draft.text()}]".encode(),
    "not_an_object.scalar": lambda draft, _: f'"{draft.event_uuid}"'.encode(),
    "missing_event_uuid": _with(event_uuid=None),
    "missing_event_name": _with(event_name=None),
    "missing_created_at": _with(created_at=None),
    "wrong_type_event_uuid": lambda draft, rng: _rewrite(draft, {"event_uuid": rng.getrandbits(53)}),
    "wrong_type_event_name": _with(event_name=["lesson", "started"]),
    "wrong_type_created_at": _with(created_at=True),
    "malformed_event_name": _with(event_name="lesson::started"),
    "malformed_event_name.no_type": _with(event_name=":started"),
    "malformed_event_name.empty": _with(event_name=""),
    "unreadable_created_at": _with(created_at="yesterday"),
    "created_at_in_future": _moved(_FAR_MS),
    "created_at_in_future.year_2999": _created_at(_YEAR_2999_MS),
    "created_at_too_old": _moved(-_FAR_MS),
}
_KINDS = tuple(FAULTS)
