"""Whether the bytes of a record are an event, and every reason why they are none."""

from collections.abc import Callable, Mapping, Sequence
from socket import gethostname
from typing import Any, NamedTuple

from event_lake.errors import UserError
from event_lake.events.json_text import Form, JsonText, Value, read_json
from event_lake.events.reasons import REASONS, TIMES, ReadRecord
from event_lake.events.rules import FIELDS, Rules, is_uuid, parse_number

_loads: Callable[[bytes], Any]
try:
    from orjson import loads as _loads
except ModuleNotFoundError:
    # Where it's missed is an executor, maybe one of many: that is to be told, and not where in Spark it was met.
    def _loads(_: bytes) -> Any:
        raise UserError(
            f"Python on {gethostname()} has no orjson: install it on each machine of the cluster, like"
            " pip install 'orjson>=3.10,<4'"
        ) from None


# A larger text isn't made into values: of brackets alone they would take thirty times its size. None of a smaller
# one's keys can be too long.
_MOST_AT_ONCE = 50_000


class Judgement(NamedTuple):
    """What a record says: an event has no `reasons`, and `seconds`, in Unix time.

    Of what is no event, the fields that could be read, and `created_at` as it was spelled.
    """

    reasons: Sequence[str] = ()
    event_uuid: str | None = None
    event_name: str | None = None
    created_at: str | None = None
    seconds: float | None = None

    @property
    def event_type(self) -> str | None:
        """The first part of its name."""
        return self.event_name and self.event_name.split(":")[0]

    @property
    def event_subtype(self) -> str | None:
        """The second part of its name, if there is one."""
        parts = (self.event_name or "").split(":")
        return parts[1] if len(parts) > 1 else None


def judge(data: bytes, arrived_at: float, rules: Rules) -> Judgement:
    """What `data`, unpacked, is by the rules; `arrived_at` is when it came to Kinesis, in Unix seconds.

    Of a key that comes twice the last counts. No bytes raise anything.
    """
    return _plain_event(data, arrived_at, rules) or _looked_at(data, arrived_at, rules)


def _plain_event(data: bytes, arrived_at: float, rules: Rules) -> Judgement | None:
    """The judgement of what is an event beyond doubt; None for all others, whether they are events or not."""
    found = _small_object(data, rules)
    uuid, name, seconds = found.get("event_uuid"), found.get("event_name"), _seconds_of(found.get("created_at"), rules)
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


def _small_object(data: bytes, rules: Rules) -> Mapping[str, Any]:
    """The members of the object that `data` is; of anything else, and of what is large or may be too deep, none."""
    if len(data) > min(rules.max_payload_bytes, _MOST_AT_ONCE) or data.count(b"{") + data.count(b"[") > rules.max_depth:
        return {}
    try:
        found = _loads(data)
    except ValueError:
        return {}
    return found if type(found) is dict else {}


def _looked_at(data: bytes, arrived_at: float, rules: Rules) -> Judgement:
    text = read_json(data, FIELDS) if len(data) <= rules.max_payload_bytes else JsonText(form=None)
    is_too_deep = text.depth > rules.max_depth
    default = "missing" if text.form is Form.OBJECT and not is_too_deep else "unseen"
    members = {} if default == "unseen" else text.members
    uuid, name, created_at = (members.get(field, Value(default)) for field in FIELDS)
    seen = ReadRecord(
        rules=rules,
        arrived_at=arrived_at,
        form=text.form,
        is_utf8=text.form is None or data.decode(errors="ignore").encode() == data,
        is_too_deep=is_too_deep,
        uuid=uuid,
        name=name,
        created_at=created_at,
        seconds=_seconds_of(created_at.text if created_at.kind in TIMES else None, rules),
    )
    reasons = tuple(reason.name for reason in REASONS if reason.holds(seen))
    return Judgement(reasons, uuid.text, name.text, created_at.text if reasons else None, seen.seconds)


def _seconds_of(created_at: object, rules: Rules) -> float | None:
    number = parse_number(created_at) if type(created_at) is str else created_at
    # Not by isinstance: to Python a boolean is a number.
    return rules.seconds_in(float(number)) if type(number) is float or type(number) is int else None
