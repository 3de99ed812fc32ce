"""Draft the events of a sequence: each is a pure function of its timeline and its number."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from random import Random

from event_lake.generator.catalog import draw_event_type, draw_fields

_HOUR_MS = 3_600_000
_USERS = 50_000
_LATE_SHARE = 0.002


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The times of a sequence: event i is created i / `rate` seconds after `start_ms` (Unix milliseconds).

    `rate` is in events per second. Timelines that differ in any field have no event_uuid in common, so another run of
    the generator adds events.
    """

    seed: int
    start_ms: int
    rate: float

    def seconds(self, number: int) -> float:
        """Return the seconds from the creation of event 0 to that of the event."""
        return number / self.rate

    def place_ms(self, number: int) -> int:
        """Return the time at which the event is created, in Unix milliseconds."""
        return self.start_ms + int(self.seconds(number) * 1000)

    def rng(self, number: int) -> Random:
        """Return the source of all random choices in the event."""
        return Random(self._key + number)

    @cached_property
    def _key(self) -> int:
        text = f"{self.seed} {self.start_ms} {float(self.rate)!r}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


Spelling = Callable[[int], str]
"""A function from Unix milliseconds to the JSON text of a `created_at`."""


def _seconds(ms: int) -> str:
    return str(ms // 1000)


def _fractional_seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03d}"


def _quoted(spelling: Spelling) -> Spelling:
    return lambda ms: f'"{spelling(ms)}"'


_PLAIN: tuple[Spelling, ...] = (_seconds, _fractional_seconds, str)
SPELLINGS: tuple[Spelling, ...] = (*_PLAIN, *map(_quoted, _PLAIN))


@dataclass(frozen=True, slots=True)
class Draft:
    """A valid event before it is written as JSON. `fields` is the JSON text of all members but the required ones."""

    event_uuid: str
    event_name: str
    created_ms: int
    spelling: Spelling
    is_late: bool
    user_id: str
    fields: str

    def text(self) -> str:
        """Return the payload."""
        return (
            f'{{"event_uuid":"{self.event_uuid}","event_name":"{self.event_name}",'
            f'"created_at":{self.spelling(self.created_ms)},{self.fields}}}'
        )


def draft_event(rng: Random, place_ms: int) -> Draft:
    """Return the event that `rng` draws. It is created at `place_ms`, or 1 to 48 hours earlier if it comes late."""
    late_ms = int(rng.uniform(1, 48) * _HOUR_MS) if rng.random() < _LATE_SHARE else 0
    event_type = draw_event_type(rng)
    names = event_type.event_names
    # The cube makes a few users busy: 1 of 50,000 has 2.7 % of all events.
    user_id = f"u-{int(rng.random() ** 3 * _USERS):06d}"
    return Draft(
        event_uuid=draw_uuid(rng),
        event_name=names[int(rng.random() * len(names))],
        created_ms=place_ms - late_ms,
        spelling=SPELLINGS[int(rng.random() * len(SPELLINGS))],
        is_late=late_ms > 0,
        user_id=user_id,
        fields=f'"user_id":"{user_id}",{draw_fields(event_type, rng)}',
    )


def draw_uuid(rng: Random) -> str:
    """Return a random UUID of version 4. `uuid.UUID` would take five times as long."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
