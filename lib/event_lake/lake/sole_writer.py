"""Guard a layer of the lake against a second writer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession

from event_lake.config.lake_root import absolute_root
from event_lake.config.settings import Lake, Settings
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import LeaseStore, is_kept_by_spark, lease_store
from event_lake.lake.numbered_records import NumberedRecords, find_put
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.running_session import find_running
from event_lake.lake.session import lake_session

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Writer:
    """What a job that writes a layer must look at.

    `check` is to be called before each write: it raises if another process may have the lease. `stop_asked_by` returns
    who asked the job to stop, and when (`lake.stopping`), or an empty text.
    """

    check: Callable[[], None] = lambda: None
    stop_asked_by: Callable[[], str] = lambda: ""

    def describe_end(self, result: object) -> str:
        """Return what the job says at its end, in one line: its result, and who asked it to stop, if anybody did."""
        by = self.stop_asked_by()
        return f"{result}; asked to stop by {by}" if by else str(result)


@contextmanager
def writing_session(
    run: RunNotes, settings: Settings, layer: str, *, wait: bool = False
) -> Iterator[tuple[SparkSession, Writer]]:
    """Run a job's Spark session (`lake_session`) while it is the sole writer of the lake's `layer` (`sole_writer`).

    The block gets both. The lease is taken first, so that who is refused waits for no Spark. Where Spark runs already,
    or is needed for the lease, Spark comes first.
    """
    with ExitStack() as stack:
        is_first = is_kept_by_spark(settings.lake) or find_running() is not None
        spark = stack.enter_context(lake_session(run, settings)) if is_first else None
        writer = stack.enter_context(sole_writer(settings.lake, layer, job=run.job, wait=wait, spark=spark))
        yield spark or stack.enter_context(lake_session(run, settings)), writer


@contextmanager
def sole_writer(
    lake: Lake, layer: str, *, job: str, wait: bool = False, spark: SparkSession | None
) -> Iterator[Writer]:
    """Hold the lease of the lake's `layer` while the block runs, which gets what it must look at meanwhile.

    If another process holds the lease at the beginning, log who does and wait for its end if `wait`, and otherwise
    raise a UserError that names it. On storage that can't hold a lease, log a warning; the check then does nothing, and
    nobody can ask for a stop. Only local folders, and S3 by the AWS SDK, have leases without `spark`.
    """
    store = _find_store(lake, layer, spark)
    if store is None:
        _log.warning("lake %s: nothing guards it against a second writer; see to it that there's only one", lake.root)
        yield Writer()
        return
    with hold_lease(store, job=job, wait=wait) as lease:
        yield Writer(check=lease.check, stop_asked_by=lambda: lease.stop_asked_by)


def _find_store(lake: Lake, layer: str, spark: SparkSession | None) -> LeaseStore | None:
    if not is_kept_by_spark(lake):
        return lease_store(lake.root, layer)
    assert spark is not None, "writing_session starts it first"
    files = HadoopFiles(spark, absolute_root(lake.root))
    put = find_put(files, lake.root)
    return put and NumberedRecords(lake.root, layer, files, put)
