"""Positions in shards, offsets of a stream, and their JSON form in Spark's offset log. All functions are pure.

A position says up to where a shard is read. An offset has a position for each shard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from event_lake.config.parsing import parse_instant
from event_lake.lake import formats
from event_lake.lake.formats import without_format
from event_lake.lake.time import EPOCH

_HOUR = timedelta(hours=1)
# The number of the JSON form of an offset. Form 0 had no number.
_FORMAT = 1


@dataclass(frozen=True)
class TrimHorizon:
    """The position before the oldest record that the shard still holds.

    `lost_at` marks a hole: records before this position expired unread, and the query goes on without them. It's the
    time (UTC) at which the query found that.
    """

    lost_at: datetime | None = None


@dataclass(frozen=True)
class At:
    """The position before the first record that arrived at or after `time` (UTC)."""

    time: datetime


@dataclass(frozen=True)
class After:
    """The position after the record with this sequence number, which exists and is itself read.

    A sequence number has up to 56 digits and no leading zero. It's text in JSON, and compared as a number. `arrived` is
    the time (UTC) at which the record arrived, or None if that is unknown or the record may have expired as usual. Two
    positions are equal whatever their `arrived` is.
    """

    sequence_number: str
    arrived: datetime | None = field(default=None, compare=False)

    def reaches(self, sequence_number: str) -> bool:
        """True if the record with `sequence_number` lies at or before this position."""
        return int(sequence_number) <= int(self.sequence_number)


@dataclass(frozen=True)
class Closed:
    """The position after the last record of a closed shard, which takes no more records.

    `last` is the sequence number of the last record that was read, or None if none was. `lost_at` marks a hole, as in
    TrimHorizon: the shard was gone before it was read to its end. `arrived` is as in After.
    """

    last: str | None = None
    lost_at: datetime | None = None
    arrived: datetime | None = field(default=None, compare=False)


Position: TypeAlias = TrimHorizon | At | After | Closed


@dataclass(frozen=True)
class Summary:
    """The facts about a stream that an offset keeps.

    `created` (UTC) tells the stream from a later one of the same name. `retention` is how long it keeps a record.
    """

    created: datetime
    retention: timedelta


@dataclass(frozen=True)
class Offset:
    """A position for each shard of a stream: how far a query has read it.

    All shards are read at least up to the arrival time `cut` (UTC), and the next batch's span of time begins there.
    `summary` is the stream's as it was when the offset was planned.
    """

    shards: Mapping[str, Position]
    cut: datetime
    summary: Summary

    @property
    def positions(self) -> dict[str, str]:
        """Return the position of each shard in `to_text`'s form."""
        return {shard_id: to_text(position) for shard_id, position in self.shards.items()}

    def to_json(self) -> dict[str, Any]:
        """Return `{"format": 1, "shards": {shard_id: position}, "cut": time, …}`, in the order of the shards' ids.

        `"arrived": {shard_id: time}` has the arrivals of the last records that were read. It's there if any is known.
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
        """Return the offset from which `to_json` made `json`, maybe in a version that didn't write arrivals yet.

        Raise ValueError if `to_json` can't have made it, and UserError if a newer version did.
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
    """Return the sequence number of the last record that was read before `position`, or None if none was."""
    match position:
        case After(number):
            return number
        case Closed(last):
            return last
    return None


def arrival_of(position: Position) -> datetime | None:
    """Return when the last record before `position` arrived (UTC), or None if that is unknown."""
    return position.arrived if isinstance(position, After | Closed) else None


def without_arrival(position: Position) -> Position:
    """Return `position` without its `arrived`, for a last record that may have expired as usual."""
    return replace(position, arrived=None) if isinstance(position, After | Closed) else position


def lost_at(position: Position | None) -> datetime | None:
    """Return when a query found that records before `position` were lost (UTC), or None if none were."""
    return position.lost_at if isinstance(position, TrimHorizon | Closed) else None


def earlier_of(end: Position, bound: Position) -> Position:
    """Return the position that comes first. A `bound` without a sequence number is where the query began."""
    number, most = last_read(end), last_read(bound)
    if number is not None and (most is None or int(number) > int(most)):
        return bound
    return bound if number == most and isinstance(end, Closed) else end


def instant_of_seconds(seconds: float) -> datetime:
    """Return the UTC time `seconds` after 1970, rounded to the millisecond, which is all that Kinesis gives."""
    return EPOCH + timedelta(milliseconds=round(seconds * 1000))


def to_text(position: Position) -> str:
    """Return a position's form in JSON: "TRIM_HORIZON", "AT <time>", "<sequence number>" or "CLOSED <sequence number>".

    It's "CLOSED" alone if no record of the shard was read, and " LOST <time>" is added where `lost_at` marks a hole.
    """
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
    """Return the position that `to_text` wrote as `text`. Raise ValueError if it can't have written that."""
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
    """Return a position as errors name it: by the last record that was read before it, or else by `to_text`."""
    return last_read(position) or to_text(position)


def _arrived_at(position: Position | None, time: str) -> Position:
    if not isinstance(position, After | Closed):
        raise ValueError(f"{position} is after no record that arrived at {time}")  # noqa: TRY004
    return replace(position, arrived=parse_instant(time))


def _lost(time: datetime | None) -> str:
    return f" LOST {time.isoformat()}" if time else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
