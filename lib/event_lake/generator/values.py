"""Draw random JSON values as JSON text. This is quicker than to build objects, and it determines every byte."""

import json
from collections.abc import Callable
from random import Random

Value = Callable[[Random], str]
"""A function that draws the JSON text of one value from the given source of random numbers."""


def one_of(*values: object) -> Value:
    """Return a value that is one of `values`, all equally likely."""
    # Producers write text beyond ASCII both ways: as it is, and escaped.
    texts = tuple(json.dumps(value, ensure_ascii=at % 2 == 1) for at, value in enumerate(values))
    count = len(texts)
    return lambda rng: texts[int(rng.random() * count)]


def whole(low: int, high: int) -> Value:
    """Return a value that is a whole number from `low` to `high`, both included."""
    count = high - low + 1
    return lambda rng: str(low + int(rng.random() * count))


def decimal(low: float, high: float, places: int) -> Value:
    """Return a value that is a number between `low` and `high`, always with `places` decimals."""
    return lambda rng: f"{low + rng.random() * (high - low):.{places}f}"


def flag(share: float) -> Value:
    """Return a value that is true in `share` (0 to 1) of the draws, else false."""
    return lambda rng: "true" if rng.random() < share else "false"


def token(prefix: str) -> Value:
    """Return a value that is an identifier: `prefix` and 12 hexadecimal digits."""
    return lambda rng: f'"{prefix}{rng.getrandbits(48):012x}"'


def or_null(value: Value, share: float) -> Value:
    """Return a value that is null in `share` (0 to 1) of the draws, else `value`."""
    return lambda rng: "null" if rng.random() < share else value(rng)


def array_of(value: Value, most: int) -> Value:
    """Return a value that is an array of 0 to `most` draws of `value`."""
    return lambda rng: f"[{','.join(value(rng) for _ in range(int(rng.random() * (most + 1))))}]"


def object_of(**members: Value) -> Value:
    """Return a value that is an object with all of these members."""
    pairs = tuple((json.dumps(name), value) for name, value in members.items())
    return lambda rng: f"{{{','.join(f'{name}:{value(rng)}' for name, value in pairs)}}}"
