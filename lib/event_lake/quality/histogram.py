"""Percentiles of seconds by counts in buckets that grow by 2 %: the same whatever the order of the rows."""

from collections.abc import Mapping
from math import log

from pyspark.sql import Column
from pyspark.sql import functions as F

_GROWTH = 1.02
# What is nearer to nothing than a millisecond is nothing.
_LEAST = 0.001


def bucket_of(seconds: Column) -> Column:
    """The number of the bucket: 0 for less than 1 ms, negative for negative seconds."""
    size = F.ceil(F.log(F.abs(seconds) / _LEAST) / log(_GROWTH)).cast("int") + 1
    return F.when(F.abs(seconds) < _LEAST, 0).otherwise(size * F.signum(seconds).cast("int"))


def middle_of(number: int) -> float:
    """The seconds in the middle of a bucket, within 1 % of all in it."""
    size = _LEAST * _GROWTH ** (abs(number) - 1.5)
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
