"""Positions in a stream, and their JSON form in Spark's offset log. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from event_lake.config import parse_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TrimHorizon:
    """Before the oldest record that the shard still holds."""


@dataclass(frozen=True)
class At:
    """Before the first record that arrived at or after `time` (UTC)."""

    time: datetime


@dataclass(frozen=True)
class After:
    """Behind the record with this sequence number, which exists and is included in what was read.

    Sequence numbers have up to 56 digits and no leading zero: text in JSON, compared as numbers.
    """

    sequence_number: str

    def reaches(self, sequence_number: str) -> bool:
        """Whether the record with `sequence_number` lies at or before this position."""
        return int(sequence_number) <= int(self.sequence_number)


Position: TypeAlias = TrimHorizon | At | After


@dataclass(frozen=True)
class Offset:
    """How far a stream is read: a position for each shard.

    `cut` is the arrival time up to which all shards are read, at least: where the next batch's time begins.
    """

    shards: Mapping[str, Position]
    cut: datetime

    def to_json(self) -> dict[str, Any]:
        """`{"shards": {shard_id: position}, "cut": time}`, in the order of the shards' ids."""
        return {
            "shards": {shard_id: _to_text(self.shards[shard_id]) for shard_id in sorted(self.shards)},
            "cut": self.cut.isoformat(),
        }

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> "Offset":
        """The inverse of `to_json`. Raises ValueError for text that it can't have written."""
        match json:
            case {"shards": dict(shards), "cut": str(cut)}:
                positions = {shard_id: _from_text(text) for shard_id, text in shards.items()}
                return Offset(positions, parse_instant(cut))
        raise ValueError(f"{json!r} is no offset of a stream")


def instant(seconds: float) -> datetime:
    """The UTC time `seconds` after 1970, to the millisecond, which is all that Kinesis gives."""
    return _EPOCH + timedelta(milliseconds=round(seconds * 1000))


def _to_text(position: Position) -> str:
    match position:
        case TrimHorizon():
            return "TRIM_HORIZON"
        case At(time):
            return f"AT {time.isoformat()}"
        case After(sequence_number):
            return sequence_number


def _from_text(text: str) -> Position:
    if text == "TRIM_HORIZON":
        return TrimHorizon()
    if text.startswith("AT "):
        return At(parse_instant(text.removeprefix("AT ")))
    if text.isascii() and text.isdigit():
        return After(text)
    raise ValueError(f"{text!r} is no position in a shard")
