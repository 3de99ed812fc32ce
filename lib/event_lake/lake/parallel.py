"""Do several things of one Spark session at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyspark.sql import SparkSession
from pyspark.util import inheritable_thread_target

# In much of a small write Delta's driver waits for the disk, or for S3.
_AT_ONCE = 4

_T = TypeVar("_T")


def in_parallel(spark: SparkSession, do: Callable[[str], _T], names: Iterable[str]) -> dict[str, _T]:
    """Call `do` with each name in a few threads, and return the results by name.

    The threads have this one's properties, by which Spark cancels its jobs.
    """
    names = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(names, threads.map(inheritable_thread_target(spark)(do), names), strict=True))
