"""Merge the small files that batches leave in the ledger and in the other small tables of the raw layer."""

import logging
from collections.abc import Callable

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from event_lake.lake import layout, tables

_log = logging.getLogger(__name__)

# So many batches add a file each to the ledger until these are merged.
_BATCHES = 100
_TABLES = (layout.LEDGER, layout.EVENT_TYPES, layout.FINDINGS)


def compact_when_due(spark: SparkSession, root: str, batch_id: int, check: Callable[[], None]) -> None:
    """Merge the small files of the raw layer's small tables if `batch_id` ends a hundred of the lake's batches.

    The batch must be in the ledger. `batch_id` is its number in the lake, so runs of a single batch come to a hundred
    as well. `check` is called before each table, and raises if this process may not write. If a table can't be
    compacted, a warning is logged and nothing is raised: the batch is whole, and the table is as good as before.
    """
    if (batch_id + 1) % _BATCHES:
        return
    for table in _TABLES:
        check()
        try:
            tables.compact(spark, root, table)
        except (PySparkException, Py4JJavaError) as error:
            # The text may be long, and hold names of files only; the next write says more if the storage is at fault.
            _log.warning(
                "%s isn't compacted (%s): nothing is lost, and it is tried again %d batches later",
                table.path(root),
                _name(error),
                _BATCHES,
            )


def _name(error: Exception) -> str:
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return condition or type(error).__name__
