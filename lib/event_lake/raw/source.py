"""Define a Kinesis source, the format "event_lake_validated", whose executors validate what they read."""

from collections.abc import Iterator

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


def read_validated(spark: SparkSession, stream: Source, raw: Raw, *, bounded: bool = True) -> DataFrame:
    """Return the records of `stream`, unpacked and judged as `raw` says, as validated rows (`schemas.VALIDATED`).

    If not `bounded`, a batch on Spark 4.1, which has no admission control, reads all there is: see
    `KinesisStreamReader`.
    """
    source.register_source(spark)
    spark.dataSource.register(ValidatedDataSource)
    source_options = options.options_of(stream, raw)
    if not bounded:
        source_options = options.without_bounds(source_options)
    rules = {_RULES: Rules.of(raw).to_json()}
    return spark.readStream.format(_FORMAT).options(**source_options, **rules).load()


class ValidatedDataSource(KinesisDataSource):
    """The validated rows of one stream. Its options are the Kinesis source's, and `rules`: `Rules` in JSON."""

    @classmethod
    def name(cls) -> str:
        return _FORMAT

    def schema(self) -> StructType:
        return VALIDATED

    def streamReader(self, schema: StructType) -> "ValidatedStreamReader":
        source_options = dict(self.options)
        rules = Rules.from_json(source_options.pop(_RULES))
        is_bounded = options.without_bounds(source_options) != source_options
        return ValidatedStreamReader(*options.settings_from(source_options), rules, is_bounded=is_bounded)


class ValidatedStreamReader(KinesisStreamReader):
    """A Kinesis reader that validates records in the process that reads them."""

    def __init__(self, source: Source, raw: Raw, rules: Rules, *, is_bounded: bool) -> None:
        super().__init__(source, raw, is_bounded=is_bounded)
        self._rules = rules

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        for records in super().read(partition):
            yield validate_batch(records, self._rules)
