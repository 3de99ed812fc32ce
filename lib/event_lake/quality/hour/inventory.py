"""The fields of the payloads of an hour's events, by sample: names and JSON types, no values."""

from collections.abc import Mapping
from dataclasses import dataclass

# Of each type and hour about so many events (chosen by their event_uuid, so always the same) are read for their fields.
SAMPLED_EVENTS = 1_000
# The most frequent fields of a type in an hour are listed; a producer that sends ids as keys would have any number.
MOST_FIELDS = 100
# In characters. Fields with longer names aren't listed: names of 50,000 would fill the driver's memory.
LONGEST_FIELD = 1_000


@dataclass(frozen=True)
class Field:
    """A field at the top of a type's payloads.

    `share` of the sampled events have it, `filled` of them with a value that isn't null. `types` are the JSON types of
    its values.
    """

    share: float
    filled: float
    types: frozenset[str]


@dataclass(frozen=True)
class Inventory:
    """The most frequent fields of a type's events, by name.

    `sampled` events were read; `unread` more couldn't be, as an object in them has a key twice. Beyond `fields` there
    are `unlisted` ones, rarer or with longer names.
    """

    sampled: int
    fields: Mapping[str, Field]
    unlisted: int = 0
    unread: int = 0
