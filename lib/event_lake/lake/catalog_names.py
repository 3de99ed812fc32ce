"""Name the lake's tables in a catalog, and compare the places that it has for them with ours. Pure.

Names in a catalog have small letters, digits and `_`, and there are no folders.
"""

import hashlib
import re

from event_lake.config.lake_root import plain_path

_PLAIN = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
# Hive's metastore of before version 2.3 takes 128 characters.
_MOST_CHARACTERS = 100


def catalog_name(table: str) -> str:
    """Return the name in a catalog of a table that has this path in the lake: `raw_events` of "raw/events"."""
    return table.replace("/", "_")


def typed_name(event_type: str) -> str:
    """Return the name in a catalog of the typed table of `event_type`.

    It is `type_page_view` of "page_view", and `type_order_completed__` with a hash of the type behind it of "Order
    Completed". Plain types that differ in capitals only have one name, and can't both have contracts
    (`load_contracts`). No other two types have one name, but for types with equal hashes, of which there is one pair
    in four billion.
    """
    words = event_type.lower()
    if _PLAIN.fullmatch(words) and len(words) <= _MOST_CHARACTERS:
        return f"type_{words}"
    readable = re.sub(r"[^a-z0-9]+", "_", words[:_MOST_CHARACTERS]).strip("_")
    # No plain name has two "_" behind each other.
    return f"type_{readable}__{hashlib.sha256(event_type.encode()).hexdigest()[:8]}"


def is_same_place(location: str, path: str) -> bool:
    """True if a catalog's `location` is the table's `path`. S3 has three schemes, and the local disk may have none."""
    one, other = (re.sub(r"^s3[an]:", "s3:", plain_path(place)).rstrip("/") for place in (location, path))
    return one == other
