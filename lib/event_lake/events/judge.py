"""Judge the bytes of a record: they are an event, or there are reasons why they are none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from event_lake.events.json_text import Form, JsonText, Value, read_json
from event_lake.events.reasons import REASONS, TIMES, ReadRecord
from event_lake.events.rules import Rules, is_uuid, parse_number
from event_lake.requirements import missing_here

_loads: Callable[[bytes], Any]
try:
    from orjson import loads as _loads
except ModuleNotFoundError:
    # orjson may be missing on one executor of many. So the error is raised there, and names the machine.
    def _loads(_: bytes) -> Any:
        raise missing_here("orjson") from None


# In bytes. orjson isn't given a larger text, because the values of a text of nothing but brackets take thirty times its
# size. And a smaller text can't have a key that is longer than `json_text` allows, so both readers agree on it.
_MOST_AT_ONCE = 50_000


class Judgement(NamedTuple):
    """The result of judging a record. It's an event if there are no `reasons` why it is none.

    `seconds` is its `created_at` in Unix time; an event always has it. A record that is no event has those fields that
    could be read. `created_at` is the producer's spelling; it's kept only for a record that is no event.
    """

    reasons: Sequence[str] = ()
    event_uuid: str | None = None
    event_name: str | None = None
    created_at: str | None = None
    seconds: float | None = None

    @property
    def event_type(self) -> str | None:
        """The first part of the event's name."""
        return self.event_name and self.event_name.split(":")[0]

    @property
    def event_subtype(self) -> str | None:
        """The second part of the event's name, or None if it has only one."""
        parts = (self.event_name or "").split(":")
        return parts[1] if len(parts) > 1 else None


def judge(data: bytes, arrived_at: float, rules: Rules, *, has_too_many_events: bool = False) -> Judgement:
    """Return the judgement of a record's unpacked bytes, `data`, by `rules`. No bytes raise an error.

    `arrived_at` is the Unix time in seconds at which the record came to Kinesis. If an object has a key twice, the last
    one counts. If the record has too many events to be split, nothing else of it is looked at.
    """
    if has_too_many_events:
        return _judge_in_full(data, arrived_at, rules, has_too_many_events=True)
    return _judge_plain_event(data, arrived_at, rules) or _judge_in_full(data, arrived_at, rules)


def _judge_plain_event(data: bytes, arrived_at: float, rules: Rules) -> Judgement | None:
    """Return the judgement of a record that is plainly an event, fast. Return None for all others, events or not."""
    members = _read_small_object(data, rules)
    uuid, name, created_at = (
        (members.get("event_uuid"), members.get("event_name"), members.get("created_at"))
        if rules.has_usual_fields
        else (_value_at(members, path) for path in rules.paths)
    )
    seconds = rules.read_seconds(created_at)
    if (
        type(uuid) is str
        and is_uuid(uuid)
        and type(name) is str
        and rules.is_name(name)
        and seconds is not None
        and not rules.is_in_future(seconds, arrived_at)
        and not rules.is_too_old(seconds, arrived_at)
    ):
        return Judgement((), uuid, name, None, seconds)
    return None


def _read_small_object(data: bytes, rules: Rules) -> Mapping[str, Any]:
    """Return the members of the JSON object `data`; none if it's no object, large, or maybe too deep."""
    if len(data) > min(rules.max_payload_bytes, _MOST_AT_ONCE) or data.count(b"{") + data.count(b"[") > rules.max_depth:
        return {}
    try:
        value = _loads(data)
    except ValueError:
        return {}
    return value if type(value) is dict else {}


def _value_at(value: Any, path: Sequence[str]) -> Any:
    """Return the value to which the keys of `path` lead in `value`, or None if there's none."""
    for key in path:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def _judge_in_full(data: bytes, arrived_at: float, rules: Rules, *, has_too_many_events: bool = False) -> Judgement:
    is_read = len(data) <= rules.max_payload_bytes and not has_too_many_events
    text = read_json(data, rules.paths) if is_read else JsonText(form=None)
    is_too_deep = text.depth > rules.max_depth
    default = "missing" if text.form is Form.OBJECT and not is_too_deep else "unseen"
    members = {} if default == "unseen" else text.members
    uuid, name, created_at = (members.get(path, Value(default)) for path in rules.paths)
    seen = ReadRecord(
        rules=rules,
        arrived_at=arrived_at,
        has_too_many_events=has_too_many_events,
        form=text.form,
        is_utf8=text.form is None or data.decode(errors="ignore").encode() == data,
        is_too_deep=is_too_deep,
        uuid=uuid,
        name=name,
        created_at=created_at,
        seconds=rules.read_seconds(_time_of(created_at)),
    )
    reasons = tuple(reason.name for reason in REASONS if reason.condition(seen))
    return Judgement(reasons, uuid.text, name.text, created_at.text if reasons else None, seen.seconds)


def _time_of(created_at: Value) -> object:
    """Return what may be a time: the text of a string, or a number, of which only the spelling is known."""
    if created_at.kind not in TIMES:
        return None
    return created_at.text if created_at.kind == "string" else parse_number(created_at.text or "")
