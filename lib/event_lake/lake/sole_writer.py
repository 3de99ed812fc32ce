"""Guard a layer of the lake against a second writer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pyspark.sql import SparkSession

from event_lake.config.lake_root import absolute_root, lies_in_s3, scheme_of
from event_lake.config.settings import Lake, Settings
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.lease import hold_lease
from event_lake.lake.lease_stores import LeaseStore, lease_store
from event_lake.lake.numbered_records import NumberedRecords, find_put
from event_lake.lake.running_session import find_running
from event_lake.lake.session import lake_session

_log = logging.getLogger(__name__)


@contextmanager
def writing_session(
    app: str, settings: Settings, layer: str, *, wait: bool = False
) -> Iterator[tuple[SparkSession, Callable[[], None]]]:
    """Run a job's Spark session (`lake_session`) while it is the sole writer of the lake's `layer` (`sole_writer`).

    The block gets both. The lease is taken first, so that who is refused waits for no Spark. Where Spark runs already,
    or is needed for the lease, Spark comes first.
    """
    with ExitStack() as stack:
        is_first = _needs_spark(settings.lake) or find_running() is not None
        spark = stack.enter_context(lake_session(app, settings)) if is_first else None
        check = stack.enter_context(sole_writer(settings.lake, layer, job=app, wait=wait, spark=spark))
        yield spark or stack.enter_context(lake_session(app, settings)), check


@contextmanager
def sole_writer(
    lake: Lake, layer: str, *, job: str, wait: bool = False, spark: SparkSession | None
) -> Iterator[Callable[[], None]]:
    """Hold the lease of the lake's `layer` while the block runs. The block gets a function to call before each write.

    That function raises if another process may have the lease. If another holds it at the beginning, log who does and
    wait for its end if `wait`, and otherwise raise a UserError that names it. On storage that can't hold a lease, log a
    warning; the function then does nothing. Only local folders, and S3 by the AWS SDK, have leases without `spark`.
    """
    store = _find_store(lake, layer, spark)
    if store is None:
        _log.warning("lake %s: nothing guards it against a second writer; see to it that there's only one", lake.root)
        yield lambda: None
        return
    with hold_lease(store, job=job, wait=wait) as lease:
        yield lease.check


def _needs_spark(lake: Lake) -> bool:
    if lies_in_s3(lake.root):
        return lake.lease == "hadoop"
    return scheme_of(lake.root) is not None


def _find_store(lake: Lake, layer: str, spark: SparkSession | None) -> LeaseStore | None:
    if not _needs_spark(lake):
        return lease_store(lake.root, layer)
    assert spark is not None, "writing_session starts it first"
    files = HadoopFiles(spark, absolute_root(lake.root))
    put = find_put(files, lake.root)
    return put and NumberedRecords(lake.root, layer, files, put)
