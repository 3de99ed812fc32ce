"""Define the 100 event types: their names, how often each occurs, and the fields of its payload."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from event_lake.generator.values import Value, token
from event_lake.generator.vocabulary import COMMON, DOMAINS, FIELDS, Domain

_OWN_FIELDS = 5


@dataclass(frozen=True, kw_only=True)
class EventType:
    """An event type. All its `event_names` begin with its `name`; `fields` are (JSON key, value), in payload order."""

    name: str
    event_names: tuple[str, ...]
    fields: tuple[tuple[str, Value], ...]


def draw_event_type(rng: Random) -> EventType:
    """Return a random one of `EVENT_TYPES`. The share of the type at rank r (from 1) is proportional to 1/r."""
    return EVENT_TYPES[bisect(_UP_TO, rng.random() * _UP_TO[-1])]


def draw_fields(event_type: EventType, rng: Random) -> str:
    """Return the JSON text of a payload's fields after the required ones and the user: `"key":value,…`."""
    return ",".join([f'"{key}":{value(rng)}' for key, value in event_type.fields])


def _make_event_type(domain: Domain, place: int, rank: int) -> EventType:
    """Return the type at `place` in its domain, and make it differ by rotating the domain's lists.

    `rank` is its rank by frequency, from 0.
    """
    name = domain.event_types.split()[place]
    subtypes = _rotate(domain.subtypes.split(), rank)[: 1 + (rank + 1) % 4]
    own = _rotate(domain.fields.split(), place)[:_OWN_FIELDS]
    return EventType(
        name=name,
        event_names=tuple(f"{name}:{subtype}" for subtype in subtypes) or (name,),
        fields=(
            (f"{name}_id", token(f"{name[:3]}-")),
            *((key, FIELDS[key]) for key in own),
            *COMMON.items(),
        ),
    )


def _rotate(words: list[str], by: int) -> list[str]:
    return words[by % len(words) :] + words[: by % len(words)] if words else []


EVENT_TYPES = tuple(
    _make_event_type(domain, place, place * len(DOMAINS) + at)
    for place in range(5)
    for at, domain in enumerate(DOMAINS)
)
_UP_TO = list(accumulate(1 / rank for rank in range(1, len(EVENT_TYPES) + 1)))
