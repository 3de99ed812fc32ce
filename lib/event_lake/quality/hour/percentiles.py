"""Percentiles of seconds by counts in buckets that grow by 2 %: the same whatever the order of the rows."""

from collections.abc import Mapping

GROWTH = 1.02
# What is nearer to nothing than a millisecond is nothing.
LEAST = 0.001


def middle_of(number: int) -> float:
    """The seconds in the middle of a bucket, within 1 % of all in it."""
    size = LEAST * GROWTH ** (abs(number) - 1.5)
    return 0.0 if number == 0 else size if number > 0 else -size


def percentile(counts: Mapping[int, int], share: float) -> float:
    """The seconds that `share` of the values are at most; `counts` by the number of the bucket, at least one value."""
    wanted = share * sum(counts.values())
    reached = 0
    for number in sorted(counts):
        reached += counts[number]
        if reached >= wanted:
            break
    return middle_of(number)
