"""Random JSON values as JSON text: quicker than building objects, and every byte is ours to decide."""

import json
from collections.abc import Callable
from random import Random

Value = Callable[[Random], str]
"""Draws one value's JSON text from the given rng."""


def one_of(*values: object) -> Value:
    """One of `values`, all equally likely."""
    # Producers write text beyond ASCII both ways: as it is, and escaped.
    texts = tuple(json.dumps(value, ensure_ascii=at % 2 == 1) for at, value in enumerate(values))
    count = len(texts)
    return lambda rng: texts[int(rng.random() * count)]


def whole(low: int, high: int) -> Value:
    """A whole number from `low` to `high`, both included."""
    count = high - low + 1
    return lambda rng: str(low + int(rng.random() * count))


def decimal(low: float, high: float, places: int) -> Value:
    """A number between `low` and `high` that always has `places` decimals."""
    return lambda rng: f"{low + rng.random() * (high - low):.{places}f}"


def flag(share: float) -> Value:
    """True in `share` (0 to 1) of the draws."""
    return lambda rng: "true" if rng.random() < share else "false"


def token(prefix: str) -> Value:
    """An identifier: `prefix` and 12 hexadecimal digits."""
    return lambda rng: f'"{prefix}{rng.getrandbits(48):012x}"'


def or_null(value: Value, share: float) -> Value:
    """Null in `share` (0 to 1) of the draws, else `value`."""
    return lambda rng: "null" if rng.random() < share else value(rng)


def array_of(value: Value, most: int) -> Value:
    """An array of none to `most` times `value`."""
    return lambda rng: f"[{','.join(value(rng) for _ in range(int(rng.random() * (most + 1))))}]"


def object_of(**members: Value) -> Value:
    """An object with these members, always all of them."""
    drawn = tuple((json.dumps(name), value) for name, value in members.items())
    return lambda rng: f"{{{','.join(f'{name}:{value(rng)}' for name, value in drawn)}}}"
