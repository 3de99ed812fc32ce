"""The platforms' connectors get every setting that they can be told, and their records become ours."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql.types import BinaryType, StringType, StructType, TimestampType

from event_lake.config import Source
from event_lake.errors import ConfigError
from event_lake.kinesis.connectors import CONNECTORS
from event_lake.schemas import RECORD

ARRIVED = datetime(2026, 11, 21, 9, 0, 0, 659_000, tzinfo=UTC)
NUMBER = "49605240428222307037115827613554798409561082419642105874"

# https://github.com/awslabs/spark-sql-kinesis-connector, client/KinesisClientFactory.scala, 1.2.0 to July 2026
AWS_KINESIS = (
    StructType()
    .add("data", BinaryType())
    .add("streamName", StringType())
    .add("partitionKey", StringType())
    .add("sequenceNumber", StringType())
    .add("approximateArrivalTimestamp", TimestampType())
)
# https://docs.databricks.com/aws/en/connect/streaming/kinesis/, "Schema"
DATABRICKS = (
    StructType()
    .add("partitionKey", StringType())
    .add("data", BinaryType())
    .add("stream", StringType())
    .add("shardId", StringType())
    .add("sequenceNumber", StringType())
    .add("approximateArrivalTimestamp", TimestampType())
)
GIVEN = {
    "aws-kinesis": (AWS_KINESIS, (b"\x00\xff", "events", "key", NUMBER, ARRIVED), None),
    "kinesis": (DATABRICKS, ("key", b"\x00\xff", "events", "shardId-7", NUMBER, ARRIVED), "shardId-7"),
}

# What a setting can't be set to, and what the refusal says behind the connector's name.
BOUND = "can't be told how much a batch takes; leave it out"
REFUSED_BY_BOTH = [
    ("max_batch_seconds", 900, BOUND),
    ("start_from", '{"a": "1"}', 'can\'t begin at positions; write "earliest", "latest" or a time'),
    ("start_from", "2026-11-21T09:00:00.5Z", "takes whole seconds; leave the fraction out"),
]
NO_OPTION = (
    'has no option for it; leave it out, and write under [spark] "spark.databricks.kinesis.failOnDataLoss" = "false"'
)
REFUSED_BY_DATABRICKS = [("max_batch_records", 5, BOUND), ("fail_on_data_loss", False, NO_OPTION)]
REFUSED = [
    *((connector, *refused) for connector in CONNECTORS for refused in REFUSED_BY_BOTH),
    *(("kinesis", *refused) for refused in REFUSED_BY_DATABRICKS),
]


def a_source(connector: str, **settings: Any) -> Source:
    return Source(**{"stream": "events", "region": "eu-central-1", "connector": connector, **settings})


def options(connector: str, **settings: Any) -> dict[str, str]:
    return CONNECTORS[connector].options_of(a_source(connector, **settings))


def refusal(connector: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        options(connector, **settings)
    return str(refused.value)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_connectors_record_has_our_columns_and_no_receipt(spark: SparkSession, connector: str) -> None:
    schema, row, shard_id = GIVEN[connector]
    found = CONNECTORS[connector].records(spark.createDataFrame([row], schema))
    expected = (b"\x00\xff", "key", "events", shard_id, NUMBER, 0, ARRIVED, None, None)
    assert_df_equality(found, spark.createDataFrame([expected], RECORD), ignore_nullable=True)


def test_each_connector_is_read_by_the_name_it_is_registered_with() -> None:
    assert {name: connector.format for name, connector in CONNECTORS.items()} == {
        "aws-kinesis": "aws-kinesis",
        "kinesis": "kinesis",
    }


def test_awslabs_connector_is_told_the_defaults_that_differ_from_its_own() -> None:
    assert options("aws-kinesis") == {
        "kinesis.streamName": "events",
        "kinesis.region": "eu-central-1",
        "kinesis.kinesisRegion": "eu-central-1",
        "kinesis.endpointUrl": "https://kinesis.eu-central-1.amazonaws.com",
        "kinesis.startingPosition": "TRIM_HORIZON",
        "kinesis.failOnDataLoss": "true",
        "kinesis.maxFetchRecordsPerShard": "10000000",
    }


def test_awslabs_connector_is_told_every_setting_that_it_has() -> None:
    assert options(
        "aws-kinesis",
        region="us-east-1",
        endpoint_url="http://127.0.0.1:5000",
        start_from="2026-11-21T11:00:05+02:00",
        fail_on_data_loss=False,
        max_batch_records=500_000,
    ) == {
        "kinesis.streamName": "events",
        "kinesis.region": "us-east-1",
        "kinesis.kinesisRegion": "us-east-1",
        "kinesis.endpointUrl": "http://127.0.0.1:5000",
        "kinesis.startingPosition": "AT_TIMESTAMP 2026-11-21T09:00:05Z",
        "kinesis.failOnDataLoss": "false",
        "kinesis.maxFetchRecordsPerShard": "500000",
    }


def test_awslabs_connector_is_told_chinas_endpoint_and_the_tip() -> None:
    found = options("aws-kinesis", region="cn-north-1", start_from="latest")
    assert found["kinesis.endpointUrl"] == "https://kinesis.cn-north-1.amazonaws.com.cn"
    assert found["kinesis.startingPosition"] == "LATEST"


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_databricks_connector_finds_its_endpoint_by_region(start: str) -> None:
    assert options("kinesis", start_from=start) == {
        "streamName": "events",
        "region": "eu-central-1",
        "initialPosition": start,
    }


def test_databricks_connector_is_told_a_time_with_its_format() -> None:
    assert options("kinesis", endpoint_url="https://kinesis.internal", start_from="2026-11-21T11:00:05+02:00") == {
        "streamName": "events",
        "region": "eu-central-1",
        "initialPosition": '{"at_timestamp": "2026-11-21 09:00:05 +0000", "format": "yyyy-MM-dd HH:mm:ss Z"}',
        "endpoint": "https://kinesis.internal",
    }


def test_java_reads_the_time_that_was_asked_for(spark: SparkSession) -> None:
    start = "2026-11-21T11:00:05+02:00"
    java = spark._jvm.java  # type: ignore[union-attr]
    # KinesisModel.scala takes the text behind AT_TIMESTAMP, package.scala reads it with this pattern.
    aws = options("aws-kinesis", start_from=start)["kinesis.startingPosition"].removeprefix("AT_TIMESTAMP ")
    pattern = java.time.format.DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ssXXX")
    # SimpleDateFormat is what reads the example in Databricks' documentation, "10:23:45 PDT" with "HH:mm:ss ZZZ".
    begin = json.loads(options("kinesis", start_from=start)["initialPosition"])
    read = {
        "aws-kinesis": java.time.ZonedDateTime.parse(aws, pattern).toEpochSecond(),
        "kinesis": java.text.SimpleDateFormat(begin["format"]).parse(begin["at_timestamp"]).getTime() // 1000,
    }
    assert read == dict.fromkeys(CONNECTORS, datetime(2026, 11, 21, 9, 0, 5, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("connector", "key", "value", "problem"), REFUSED)
def test_what_a_connector_cant_be_told_is_refused(connector: str, key: str, value: Any, problem: str) -> None:
    assert refusal(connector, **{key: value}) == f'source.{key} = {value!r}: the connector "{connector}" {problem}'


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_connector_without_a_region_is_refused(connector: str) -> None:
    expected = f'source.region is missing: the connector "{connector}" needs the stream\'s; set it'
    assert refusal(connector, region=None) == expected
