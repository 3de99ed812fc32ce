"""Find the fields of a JSON payload, each with the kind of its value. Pure, and without Spark."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite

from event_lake.json_reader import Path

NULL = "null"
OBJECT = "object"
# A whole number of 64 bits. Of those that a double would round the kind is LARGE.
WHOLE, LARGE = "bigint", "bigint beyond a double"
# Any other number. Of those that a double would round, or can't hold, the kind is LONG.
NUMBER, LONG = "number", "number beyond a double"
# An array with members of several kinds, or with arrays.
MIXED = "array<other>"
# An array that is empty or has only nulls, and so doesn't tell its members' kind.
NO_MEMBERS = "array<null>"

# In characters. A producer may send keys and texts of megabytes.
_LONGEST_KEY = 1_000
_LONGEST_TEXT = 40


class _Number(str):
    """A number as it's spelled in the payload."""

    __slots__ = ()


def find_fields(payload: str) -> Iterator[tuple[Path, str, str | None]]:
    """Yield path, kind and text of each field of a JSON object, and of each field of the objects directly in it.

    Strings and numbers have a text, of which there are the first 40 characters. If an object has a key twice, the last
    value counts. Fields are left out whose keys can't be written as UTF-8, as no contract can name them, or have more
    than 1,000 characters. The caller must allow as many levels of recursion as the payload nests.
    """
    content = json.loads(payload, parse_int=_Number, parse_float=_Number)
    for key, value in content.items():
        if _is_listed(key):
            yield (key,), kind_of(value), _text(value)
            for inner, member in value.items() if isinstance(value, dict) else ():
                if _is_listed(inner):
                    yield (key, inner), kind_of(member), _text(member)


def kind_of(value: object) -> str:
    """Return the kind of a value: one of those above, "string", "boolean", or array<…> of a kind."""
    if value is None:
        return NULL
    if isinstance(value, _Number):
        return _kind_of_number(value)
    if isinstance(value, list):
        return _kind_of_array(value)
    return {str: "string", bool: "boolean", dict: OBJECT}[type(value)]


def _kind_of_array(members: Sequence[object]) -> str:
    # Arrays in arrays may nest deep, and are MIXED anyway.
    kinds = {MIXED if isinstance(member, list) else kind_of(member) for member in members} - {NULL}
    for several, one in (({WHOLE, LARGE}, LARGE), ({WHOLE, NUMBER}, NUMBER), ({WHOLE, LARGE, NUMBER, LONG}, LONG)):
        if len(kinds) > 1 and kinds <= several:
            kinds = {one}
    if not kinds:
        return NO_MEMBERS
    kind = kinds.pop()
    return MIXED if kinds or kind == MIXED else f"array<{kind}>"


def _kind_of_number(text: str) -> str:
    is_whole = text.lstrip("-").isdigit()
    if is_whole and len(text) <= 20 and -(2**63) <= int(text) < 2**63:
        return WHOLE if float(text) == int(text) else LARGE
    return NUMBER if _survives_a_double(text) else LONG


def _survives_a_double(text: str) -> bool:
    """True if the double next to a number gives the number back, when it's rounded to as many digits."""
    double = float(text)
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of some twenty digits
        return False
    if not isfinite(double):
        return False
    return Decimal(f"{double:.{len(number.as_tuple().digits) - 1}e}") == number


def _is_listed(key: str) -> bool:
    return len(key) <= _LONGEST_KEY and not any("\ud800" <= character <= "\udfff" for character in key)


def _text(value: object) -> str | None:
    # Half a surrogate pair can't be written as UTF-8.
    return value[:_LONGEST_TEXT].encode(errors="replace").decode() if isinstance(value, str) else None
