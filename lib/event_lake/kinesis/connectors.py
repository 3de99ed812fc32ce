"""The platforms' own Kinesis connectors, asked in their words, and their records in ours. Pure.

They give no receipts: what they read, nobody can check. `conf/reference.toml` says what else they lack.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake.config import Source, parse_instant, refuse
from event_lake.errors import ConfigError
from event_lake.schemas import RECORD


@dataclass(frozen=True)
class Connector:
    """A connector that the platform brings: its format, its options for a source, its records as `schemas.RECORD`."""

    format: str
    options_of: Callable[[Source], dict[str, str]]
    records: Callable[[DataFrame], DataFrame]


def aws_kinesis_options(source: Source) -> dict[str, str]:
    """The options of awslabs' connector, which EMR has. Raises ConfigError for what it can't be told.

    https://github.com/awslabs/spark-sql-kinesis-connector, KinesisOptions.scala and KinesisModel.scala
    """
    region = _region(source)
    _refuse_bound("source.max_batch_seconds", source.max_batch_seconds, Source.max_batch_seconds, source.connector)
    begins = {"earliest": "TRIM_HORIZON", "latest": "LATEST"}
    return {
        "kinesis.streamName": source.stream,
        "kinesis.region": region,
        # Else it is guessed from the endpoint: "0" of 127.0.0.1, and "kinesis" of a VPC's.
        "kinesis.kinesisRegion": region,
        "kinesis.endpointUrl": source.endpoint_url or _endpoint(region),
        "kinesis.startingPosition": begins.get(source.start_from)
        or f"AT_TIMESTAMP {_start_time(source):%Y-%m-%dT%H:%M:%SZ}",
        # Its own defaults: go on after a loss, and 100,000 records, too few for a busy shard and a long trigger.
        "kinesis.failOnDataLoss": str(source.fail_on_data_loss).lower(),
        "kinesis.maxFetchRecordsPerShard": str(source.max_batch_records),
    }


def databricks_options(source: Source) -> dict[str, str]:
    """The options of Databricks' connector. Raises ConfigError for what it can't be told.

    https://docs.databricks.com/aws/en/connect/streaming/kinesis/
    """
    region = _region(source)
    _refuse_bound("source.max_batch_seconds", source.max_batch_seconds, Source.max_batch_seconds, source.connector)
    _refuse_bound("source.max_batch_records", source.max_batch_records, Source.max_batch_records, source.connector)
    if not source.fail_on_data_loss:
        raise refuse(
            "source.fail_on_data_loss",
            source.fail_on_data_loss,
            f'the connector "{source.connector}" has no option for it; leave it out, and write under [spark]'
            ' "spark.databricks.kinesis.failOnDataLoss" = "false"',
        )
    options = {"streamName": source.stream, "region": region, "initialPosition": source.start_from}
    if source.start_from not in ("earliest", "latest"):
        # One "Z" is an offset like +0000 to each of Java's parsers; they disagree about two and three.
        begin = {"at_timestamp": f"{_start_time(source):%Y-%m-%d %H:%M:%S %z}", "format": "yyyy-MM-dd HH:mm:ss Z"}
        options["initialPosition"] = json.dumps(begin)
    if source.endpoint_url is not None:
        options["endpoint"] = source.endpoint_url
    return options


def from_aws_kinesis(records: DataFrame) -> DataFrame:
    """Records of awslabs' connector as `schemas.RECORD`; it doesn't say of which shard they are: `shardId` is null."""
    return _as_records(records.withColumnRenamed("streamName", "stream").withColumn("shardId", F.lit(None)))


def from_databricks(records: DataFrame) -> DataFrame:
    """Records of Databricks' connector as `schemas.RECORD`."""
    return _as_records(records)


# By the value of `source.connector`.
CONNECTORS: Mapping[str, Connector] = {
    "aws-kinesis": Connector("aws-kinesis", aws_kinesis_options, from_aws_kinesis),
    "kinesis": Connector("kinesis", databricks_options, from_databricks),
}


def _as_records(records: DataFrame) -> DataFrame:
    # Both connectors split KPL aggregates, but keep a user record's place in its aggregate to themselves.
    given = records.withColumns({"subSequenceNumber": F.lit(0), "content": F.lit(None), "receipt": F.lit(None)})
    return given.select(*(F.col(f.name).cast(f.dataType).alias(f.name) for f in RECORD))


def _region(source: Source) -> str:
    if source.region is None:
        raise ConfigError(f'source.region is missing: the connector "{source.connector}" needs the stream\'s; set it')
    return source.region


def _endpoint(region: str) -> str:
    return f"https://kinesis.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def _start_time(source: Source) -> datetime:
    if source.start_from.startswith("{"):
        raise refuse(
            "source.start_from",
            source.start_from,
            f'the connector "{source.connector}" can\'t begin at positions; write "earliest", "latest" or a time',
        )
    time = parse_instant(source.start_from)
    if time.microsecond:
        raise refuse(
            "source.start_from",
            source.start_from,
            f'the connector "{source.connector}" takes whole seconds; leave the fraction out',
        )
    return time


def _refuse_bound(key: str, value: int, default: int, connector: str) -> None:
    if value != default:
        raise refuse(key, value, f'the connector "{connector}" can\'t be told how much a batch takes; leave it out')
