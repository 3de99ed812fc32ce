"""Have Spark look after the dedup state in every run, however short.

Spark's executors upload snapshots of the state, and delete old versions, once a minute. A run that ends before that
leaves only changelogs, one for each batch, and the next start has to go through all of them.
"""

from contextlib import AbstractContextManager

from pyspark.sql import SparkSession

from event_lake.lake.session import set_for

# With it each task of a batch looks after its partition of the state as it ends, and closes it. Source: Spark 4.1 and
# 4.2, SQLConf.STATE_STORE_UNLOAD_ON_COMMIT and StateStoreRDD.compute; other versions ignore it.
_UNLOAD = "spark.sql.streaming.stateStore.unloadOnCommit"


def look_after_state_first(spark: SparkSession) -> AbstractContextManager[None]:
    """Let a query that is started while the block runs look after its state at the end of each batch's tasks."""
    return set_for(spark, _UNLOAD, "true")


def keep_state_open(stream_session: SparkSession, spark: SparkSession) -> None:
    """Let the query of `stream_session` keep its state open from its next batch on.

    It doesn't if the setting is on in the user's session, `spark`.

    To open it anew costs as much as its changelogs since the last snapshot.
    """
    stream_session.conf.set(_UNLOAD, spark.conf.get(_UNLOAD, None) or "false")
