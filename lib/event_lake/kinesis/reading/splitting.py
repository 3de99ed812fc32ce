"""Find the events in a text that holds several, in the ways of `raw.payload_split`. All functions are pure.

A finder returns the events' bytes in their order. It returns none if the text isn't split: it's judged as a whole then.
It looks for one more than `most` events, so that its caller sees that there are too many, and no further.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from event_lake.json_reader import NotJsonError, find_members, find_values

LOG_EVENTS = "cloudwatch_logs"

_WHITESPACE = b" \t\r\n"
# Megabytes of empty lines are passed over without a look at each in Python.
_LINE = re.compile(rb"^[ \t\r]*+[^ \t\r\n][^\n]*+", re.MULTILINE)
_TWO_OBJECTS = re.compile(rb"\}[ \t\r\n]*+\{")
_ARRAY = re.compile(rb"[ \t\r\n]*+\[")


def find_lines(text: bytes, most: int) -> Sequence[bytes]:
    r"""Find the lines that hold more than JSON's whitespace, without the "\n" or "\r\n" at their end."""
    lines = islice(_LINE.finditer(text), most + 1)
    return [line[0][:-1] if line[0].endswith(b"\r") and line.end() < len(text) else line[0] for line in lines]


def find_objects(text: bytes, most: int) -> Sequence[bytes]:
    """Find JSON objects with nothing but whitespace between them. What comes after them is one more event.

    A single object is split from what comes after it if that begins as another one does.
    """
    events, end = list[bytes](), 0
    for begin, end_of_value in find_values(text):
        if text[begin : begin + 1] != b"{" or len(events) > most:
            break
        events.append(text[begin:end_of_value])
        end = end_of_value
    rest = text[end:].strip(_WHITESPACE)
    if len(events) < 2 and not (events and rest.startswith(b"{")):
        return []
    return [*events, rest] if rest else events


def find_array(text: bytes, most: int) -> Sequence[bytes]:
    """Find the members of a JSON array."""
    if not _ARRAY.match(text):
        return []
    try:
        return [text[begin:end] for _, begin, end in islice(find_members(text), most + 1)]
    except NotJsonError:
        return []


def find_log_events(text: bytes, most: int) -> Sequence[bytes]:
    """Find the messages of the log events in what a subscription filter of CloudWatch Logs sends.

    Source: Amazon CloudWatch Logs user guide, "Log group-level subscription filters": a JSON object, gzip'ed, whose
    `logEvents` are objects with a `message`.
    """
    try:
        log_events = _find_member(text, "logEvents")
        return [_message(log_events[begin:end]) for _, begin, end in islice(find_members(log_events), most + 1)]
    except NotJsonError:
        return []


def _message(log_event: bytes) -> bytes:
    message = _find_member(log_event, "message")
    if not message.startswith(b'"'):
        raise NotJsonError
    try:
        text: str = json.loads(message.decode())
    except UnicodeDecodeError:
        raise NotJsonError from None
    # Half a surrogate pair isn't UTF-8: the message is quarantined for that.
    return text.encode(errors="surrogatepass")


def _find_member(text: bytes, key: str) -> bytes:
    """Return the bytes of the last member with this key of the JSON object `text`. Raise NotJsonError without one."""
    found = b""
    for other, begin, end in find_members(text):
        if other == key:
            found = text[begin:end]
    if not found:
        raise NotJsonError
    return found


# For each way to split: whether a look at the text shows that it may hold several events, and the finder.
WAYS: Mapping[str, tuple[Callable[[bytes], bool], Callable[[bytes, int], Sequence[bytes]]]] = {
    "lines": (lambda text: b"\n" in text, find_lines),
    "objects": (lambda text: _TWO_OBJECTS.search(text) is not None, find_objects),
    "array": (lambda text: _ARRAY.match(text) is not None, find_array),
    LOG_EVENTS: (lambda text: b'"logEvents"' in text, find_log_events),
}
