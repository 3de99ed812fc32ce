"""Where Spark looks for a lake, and where its lease is: in one place, or nothing is written."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from event_lake import functions
from event_lake.config.settings import Lake, Settings, Source
from event_lake.errors import ConfigError
from event_lake.lake.ledger import Totals
from event_lake.lake.session import set_for
from support.emulators import Stream
from support.sent import an_event


def a_lake(root: str) -> Settings:
    """Of a stream that nobody has."""
    return Settings(source=Source(stream="nowhere", endpoint_url="http://127.0.0.1:1"), lake=Lake(root=root))


def test_a_root_with_one_slash_lies_in_its_file_system_and_the_log_says_that_nothing_guards_it(
    spark: SparkSession, stream: Stream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hadoop's viewfs stands for a cluster's file system: a scheme of its own, and here a folder behind it."""
    stream.put(an_event(created_at=int(stream.client().now().timestamp())), b"x")
    settings = stream.settings("viewfs:/lake")
    link = set_for(spark, "fs.viewfs.mounttable.default.link./lake", f"file:{tmp_path}")
    with link, caplog.at_level(logging.WARNING, "event_lake"):
        totals = functions.ingest_raw(spark, settings, until_caught_up=True)
        assert functions.open_lake(spark, settings).raw_events.count() == 1
    assert totals == Totals(read=2, raw=1, quarantined=1)
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "_checkpoints"}
    assert not Path("viewfs:").exists()
    warning = "lake viewfs:/lake: nothing guards it against a second writer; see to it that there's only one"
    told = [record.getMessage() for record in caplog.records if record.name.startswith("event_lake")]
    assert told == [warning]


@pytest.mark.parametrize(
    ("default", "meant"),
    [
        ("hdfs://namenode:8020", "hdfs://namenode:8020/srv/lake"),
        ("hdfs://namenode:8020/", "hdfs://namenode:8020/srv/lake"),
        ("dbfs:///", "dbfs:/srv/lake"),
        ("s3a://bucket", "s3a://bucket/srv/lake"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        functions.ingest_raw,
        functions.build_staging,
        functions.reconcile,
        functions.check_quality,
        functions.open_lake,
    ],
)
def test_a_root_without_a_scheme_is_refused_where_spark_would_take_it_from_the_local_disk(
    spark: SparkSession, default: str, meant: str, function: Callable[[SparkSession, Settings], object]
) -> None:
    with set_for(spark, "fs.defaultFS", default), pytest.raises(ConfigError) as refused:
        function(spark, a_lake("/srv/lake"))
    assert str(refused.value) == f"lake.root = '/srv/lake': to Spark this is {meant}; write it like that"


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (
            "dbfs:/mnt/lake",
            'org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme "dbfs"',
        ),
        ("hdfs:/lake", "java.io.IOException: Incomplete HDFS URI, no host: hdfs:/lake"),
        ("hdfs://no-such-host.invalid/lake", "java.net.UnknownHostException: no-such-host.invalid"),
    ],
)
def test_a_file_system_that_spark_lacks_is_told_in_one_line(spark: SparkSession, root: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        functions.build_staging(spark, a_lake(root))
    assert str(refused.value) == (
        f"lake.root = '{root}': Spark can't use this file system: {reason}; check the scheme, and what Spark has for it"
    )
