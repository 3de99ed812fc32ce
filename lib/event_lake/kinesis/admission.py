"""Spark's classes for admission control of Python sources, with stand-ins for Spark 4.1, which has none.

Spark 4.1 tells a source neither where a batch begins nor how much the batch may take, so it never uses the stand-ins.
"""

from dataclasses import dataclass

try:
    from pyspark.sql.streaming.datasource import (
        ReadAllAvailable,
        ReadLimit,
        ReadMaxRows,
        SupportsTriggerAvailableNow,
    )

    ADMISSION_CONTROL = True
except ImportError:  # Spark 4.1
    ADMISSION_CONTROL = False

    class ReadLimit:  # type: ignore[no-redef]
        """A limit on what a batch may take."""

    class ReadAllAvailable(ReadLimit):  # type: ignore[no-redef]
        """The lack of a limit: a batch takes all there is."""

    @dataclass
    class ReadMaxRows(ReadLimit):  # type: ignore[no-redef]
        """A limit of `max_rows` rows."""

        max_rows: int

    class SupportsTriggerAvailableNow:  # type: ignore[no-redef]
        """A source whose query can end with the records that were there when it started."""


__all__ = ["ADMISSION_CONTROL", "ReadAllAvailable", "ReadLimit", "ReadMaxRows", "SupportsTriggerAvailableNow"]
