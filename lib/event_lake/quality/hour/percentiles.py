"""Percentiles of durations that were counted in buckets: the same whatever the order of the rows.

A bucket's bounds are 2 % apart. Bucket 0 is for less than a millisecond either way, and negative numbers are for
negative durations.
"""

from collections.abc import Mapping

GROWTH = 1.02
# What is nearer to nothing than a millisecond is nothing.
LEAST = 0.001


def middle_of(number: int) -> float:
    """Return the seconds in the middle of the bucket of this number, which are within 1 % of all in it."""
    size = LEAST * GROWTH ** (abs(number) - 1.5)
    return 0.0 if number == 0 else size if number > 0 else -size


def percentile(counts: Mapping[int, int], share: float) -> float:
    """Return the seconds that `share` of the values don't exceed.

    `counts` has the number of values by bucket, and at least one value.
    """
    wanted = share * sum(counts.values())
    reached = 0
    for number in sorted(counts):
        reached += counts[number]
        if reached >= wanted:
            break
    return middle_of(number)
