"""Make what producers send. All of it arrives at `ARRIVED`."""

import json
from datetime import UTC, datetime
from typing import Any

ARRIVED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def an_event(**fields: Any) -> bytes:
    """Return a valid event as its producer sends it. A field that is None is left out."""
    event = {
        "event_uuid": "11111111-1111-4111-8111-111111111111",
        "event_name": "lesson:started",
        "created_at": int(ARRIVED.timestamp()) - 10,
        **fields,
    }
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def with_tokens(**tokens: str) -> bytes:
    """Return an event that has `tokens` as the JSON texts of some fields, and is valid without them."""
    event = {name: json.dumps(value) for name, value in json.loads(an_event()).items()} | tokens
    return ("{" + ",".join(f'"{name}":{token}' for name, token in event.items()) + "}").encode()
