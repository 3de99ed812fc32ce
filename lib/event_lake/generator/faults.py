"""Records that are no events: what producers get wrong, one thing at a time."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from event_lake.generator.events import Draft, draw_uuid

# Far beyond raw.max_age and raw.max_future, wherever within them the timeline lies: one that begins days ago
# must not bring an event "from tomorrow" back to the past.
_FAR_MS = 400 * 24 * 3_600_000
_YEAR_2999_MS = 32_472_144_000_000

# 3 of each kind among any 10,000 events, 0.64 % altogether, evenly spread.
_PERIOD = 3300
_DISTANCE = 157

Fault = Callable[[Draft, Random], bytes]
"""From a valid event to the bytes that one mistake makes of it."""


def fault_at(number: int) -> str | None:
    """The kind of bad record that stands in for event `number`, or None where the event is a good one."""
    slot, rest = divmod(number % _PERIOD, _DISTANCE)
    return _KINDS[slot] if rest == _DISTANCE // 2 and slot < len(_KINDS) else None


def reason_of(kind: str) -> str:
    """The one reason that a record of this kind is to be quarantined for."""
    return kind.partition(".")[0]


def _with(**values: object) -> Fault:
    """The event with other values in required fields; None leaves the field out."""
    return lambda draft, _: _rewritten(draft, values)


def _rewritten(draft: Draft, values: dict[str, object]) -> bytes:
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
    # A Latin-1 é within a string: all else stays JSON.
    return draft.text().encode().replace(b'"user_id":"', b'"user_id":"\xe9', 1)


def _truncated(draft: Draft, _: Random) -> bytes:
    text = draft.text()
    # Characters, not bytes: half of one would be another mistake.
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
    "wrong_type_event_uuid": lambda draft, rng: _rewritten(draft, {"event_uuid": rng.getrandbits(53)}),
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
