"""Define the types that a contract's column may have."""

import re

from event_lake.errors import ConfigError

SCALARS = ("string", "boolean", "int", "bigint", "double", "date", "timestamp")
# An array's members can be of these types, for which JSON has a form of its own.
ELEMENTS = ("string", "boolean", "int", "bigint", "double")
MOST_DIGITS = 38

_DECIMAL = re.compile(r"decimal\(([0-9]{1,2}),([0-9]{1,2})\)")
_ARRAY = re.compile(r"array<([a-z]+)>")


def check_type(text: str) -> str:
    """Return the type `text` as Spark spells it: in lower case, without spaces.

    Raise ConfigError if no column may have this type.
    """
    spelled = "".join(text.lower().split())
    if spelled in SCALARS:
        return spelled
    if (digits := parse_decimal(spelled)) and 1 <= digits[0] <= MOST_DIGITS and digits[1] <= digits[0]:
        return spelled
    if parse_element(spelled) in ELEMENTS:
        return spelled
    raise ConfigError(
        f"not a column's type; there are {', '.join(SCALARS)}, decimal(precision,scale) up to {MOST_DIGITS} digits, and"
        f" array<…> of {', '.join(ELEMENTS)}; objects, and what varies, go into a string as JSON text"
    )


def parse_decimal(text: str) -> tuple[int, int] | None:
    """Return precision and scale of a decimal type, or None for another type."""
    match = _DECIMAL.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def parse_element(text: str) -> str | None:
    """Return the type of the members of an array type, or None for another type."""
    match = _ARRAY.fullmatch(text)
    return match[1] if match else None
