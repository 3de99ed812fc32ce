"""The Kinesis source whose executors judge what they read: `spark.readStream.format("event_lake_validated")`."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import InputPartition
from pyspark.sql.types import StructType

from event_lake.config.settings import Raw, Source
from event_lake.events.rules import Rules
from event_lake.kinesis import options, source
from event_lake.kinesis.source import KinesisDataSource, KinesisStreamReader
from event_lake.lake.schemas import VALIDATED
from event_lake.raw.validation import validate_batch

_FORMAT = "event_lake_validated"
_RULES = "rules"


def read_validated(spark: SparkSession, asked: Source, raw: Raw, *, bounded: bool = True) -> DataFrame:
    """The stream's records, unpacked and judged as `raw` says: `schemas.VALIDATED`.

    Without bounds a batch takes all there is, where Spark has no admission control: see `KinesisStreamReader`.
    """
    source.register(spark)
    spark.dataSource.register(ValidatedDataSource)
    told = options.options_of(asked, raw)
    rules = {_RULES: json.dumps(asdict(Rules.of(raw)))}
    return (
        spark.readStream.format(_FORMAT).options(**(told if bounded else options.without_bounds(told)), **rules).load()
    )


class ValidatedDataSource(KinesisDataSource):
    """Judged records of one stream. Options: the Kinesis source's, and `rules`, the fields of `Rules` as JSON."""

    @classmethod
    def name(cls) -> str:
        return _FORMAT

    def schema(self) -> StructType:
        return VALIDATED

    def streamReader(self, schema: StructType) -> "ValidatedStreamReader":
        told = dict(self.options)
        rules = Rules(**json.loads(told.pop(_RULES)))
        return ValidatedStreamReader(
            *options.settings_from(told), rules, is_bounded=options.without_bounds(told) != told
        )


class ValidatedStreamReader(KinesisStreamReader):
    """Plans as the Kinesis source does, and judges where the bytes are."""

    def __init__(self, source: Source, raw: Raw, rules: Rules, *, is_bounded: bool) -> None:
        super().__init__(source, raw, is_bounded=is_bounded)
        self._rules = rules

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        for records in super().read(partition):
            yield validate_batch(records, self._rules)
