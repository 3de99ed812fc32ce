"""Positions in a stream, and their JSON form in Spark's offset log. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from event_lake.config.parsing import parse_instant
from event_lake.lake import formats
from event_lake.lake.formats import without_format
from event_lake.lake.time import EPOCH

_HOUR = timedelta(hours=1)
# Of an offset in JSON; 0 was without a number.
_FORMAT = 1


@dataclass(frozen=True)
class TrimHorizon:
    """Before the oldest record that the shard still holds.

    `lost_at` is when a reader that was told to go on found records before it expired: they're a hole.
    """

    lost_at: datetime | None = None


@dataclass(frozen=True)
class At:
    """Before the first record that arrived at or after `time` (UTC)."""

    time: datetime


@dataclass(frozen=True)
class After:
    """Behind the record with this sequence number, which exists and is included in what was read.

    Sequence numbers have up to 56 digits and no leading zero: text in JSON, compared as numbers. `arrived` is when the
    record did, where that is known and it can't have expired as usual; two positions are the same without it.
    """

    sequence_number: str
    arrived: datetime | None = field(default=None, compare=False)

    def reaches(self, sequence_number: str) -> bool:
        """Whether the record with `sequence_number` lies at or before this position."""
        return int(sequence_number) <= int(self.sequence_number)


@dataclass(frozen=True)
class Closed:
    """Behind the last record of a shard that takes no more; `last` is the last that was read of it, if any was.

    `lost_at` is as for TrimHorizon: the shard was gone before it was read to its end. `arrived` is as for After.
    """

    last: str | None = None
    lost_at: datetime | None = None
    arrived: datetime | None = field(default=None, compare=False)


Position: TypeAlias = TrimHorizon | At | After | Closed


@dataclass(frozen=True)
class Summary:
    """What tells a stream from a later one of its name, and how long it keeps a record."""

    created: datetime
    retention: timedelta


@dataclass(frozen=True)
class Offset:
    """How far a stream is read: a position for each shard.

    `cut` is the arrival time up to which all shards are read, at least: where the next batch's time begins.
    `summary` is the stream's at the time of planning.
    """

    shards: Mapping[str, Position]
    cut: datetime
    summary: Summary

    @property
    def positions(self) -> dict[str, str]:
        """The position of each shard in `to_text`'s form."""
        return {shard_id: to_text(position) for shard_id, position in self.shards.items()}

    def to_json(self) -> dict[str, Any]:
        """`{"format": 1, "shards": {shard_id: position}, "cut": time, …}`, in the order of the shards' ids.

        `"arrived": {shard_id: time}` has the arrivals of the last records that were read, where any is known.
        """
        known = {s: arrived.isoformat() for s in sorted(self.shards) if (arrived := arrival_of(self.shards[s]))}
        return {
            formats.KEY: _FORMAT,
            "shards": {shard_id: to_text(self.shards[shard_id]) for shard_id in sorted(self.shards)},
            **({"arrived": known} if known else {}),
            "cut": self.cut.isoformat(),
            "stream_created": self.summary.created.isoformat(),
            "retention_hours": self.summary.retention // _HOUR,
        }

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> "Offset":
        """The inverse of `to_json`, also of what it wrote before there were arrivals.

        Raises ValueError for text that it can't have written, UserError for what a newer version wrote.
        """
        match {"arrived": {}, **without_format("an offset in the checkpoint", json, _FORMAT)}:
            case {
                "shards": dict(shards),
                "arrived": dict(arrived),
                "cut": str(cut),
                "stream_created": str(created),
                "retention_hours": int(hours),
            }:
                positions = {shard_id: from_text(text) for shard_id, text in shards.items()}
                positions |= {s: _arrived_at(positions.get(s), str(time)) for s, time in arrived.items()}
                return Offset(positions, parse_instant(cut), Summary(parse_instant(created), hours * _HOUR))
        raise ValueError(f"{json!r} is no offset of a stream")


def last_read(position: Position) -> str | None:
    """The sequence number of the last record before `position`, where one was read."""
    match position:
        case After(number):
            return number
        case Closed(last):
            return last
    return None


def arrival_of(position: Position) -> datetime | None:
    """When the last record before `position` arrived, where that is known."""
    return position.arrived if isinstance(position, After | Closed) else None


def without_arrival(position: Position) -> Position:
    """The same position, whose last record may have expired as usual."""
    return replace(position, arrived=None) if isinstance(position, After | Closed) else position


def lost_at(position: Position | None) -> datetime | None:
    """When records before `position` were found lost, where they were."""
    return position.lost_at if isinstance(position, TrimHorizon | Closed) else None


def earlier_of(end: Position, bound: Position) -> Position:
    """The one that comes first; a `bound` without a sequence number is where the query began."""
    number, most = last_read(end), last_read(bound)
    if number is not None and (most is None or int(number) > int(most)):
        return bound
    return bound if number == most and isinstance(end, Closed) else end


def instant_of_seconds(seconds: float) -> datetime:
    """The UTC time `seconds` after 1970, to the millisecond, which is all that Kinesis gives."""
    return EPOCH + timedelta(milliseconds=round(seconds * 1000))


def to_text(position: Position) -> str:
    """A position's form in JSON: "TRIM_HORIZON", "AT <time>", "<sequence number>" or "CLOSED <sequence number>"."""
    match position:
        case TrimHorizon(lost_at):
            return f"TRIM_HORIZON{_lost(lost_at)}"
        case At(time):
            return f"AT {time.isoformat()}"
        case After(sequence_number):
            return sequence_number
        case Closed(last, lost_at):
            return f"CLOSED{_lost(lost_at)}" if last is None else f"CLOSED {last}"


def from_text(text: str) -> Position:
    """The inverse of `to_text`. Raises ValueError for text that it can't have written."""
    position: Position
    match text.split(" "):
        case ["TRIM_HORIZON"]:
            position = TrimHorizon()
        case ["TRIM_HORIZON", "LOST", time]:
            position = TrimHorizon(parse_instant(time))
        case ["AT", time]:
            position = At(parse_instant(time))
        case ["CLOSED"]:
            position = Closed()
        case ["CLOSED", "LOST", time]:
            position = Closed(lost_at=parse_instant(time))
        case ["CLOSED", number] if _is_number(number):
            position = Closed(number)
        case [number] if _is_number(number):
            position = After(number)
        case _:
            raise ValueError(f"{text!r} is no position in a shard")
    return position


def describe_position(position: Position) -> str:
    """A position as an error names it: by the last record before it, where one was read."""
    return last_read(position) or to_text(position)


def _arrived_at(position: Position | None, time: str) -> Position:
    if not isinstance(position, After | Closed):
        raise ValueError(f"{position} is behind no record that arrived at {time}")  # noqa: TRY004
    return replace(position, arrived=parse_instant(time))


def _lost(time: datetime | None) -> str:
    return f" LOST {time.isoformat()}" if time else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
