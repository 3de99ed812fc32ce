"""The options of the format `event_lake_kinesis`: our settings by the names that Spark's users know."""

from collections.abc import Mapping
from typing import Any

from event_lake.config import Source
from event_lake.errors import ConfigError

FORMAT = "event_lake_kinesis"
# What `source.connector` calls it.
CONNECTOR = "event_lake"

# Our settings by the options' names, which are those of Databricks' source where it has them.
_FIELDS = {
    "streamName": "stream",
    "region": "region",
    "endpointUrl": "endpoint_url",
    "initialPosition": "start_from",
    "failOnDataLoss": "fail_on_data_loss",
    "maxBatchSeconds": "max_batch_seconds",
    "maxRecordsPerBatch": "max_batch_records",
}
_BOUNDS = {"maxbatchseconds", "maxrecordsperbatch"}


def options_of(source: Source) -> dict[str, str]:
    """The format's options for a configured source."""
    values = {option: getattr(source, field) for option, field in _FIELDS.items()}
    return {option: _as_text(value) for option, value in values.items() if value is not None}


def unbounded(options: Mapping[str, str]) -> dict[str, str]:
    """`options` without bounds of a batch: for Spark 4.1, whose Trigger.AvailableNow takes one batch a run."""
    return {option: value for option, value in options.items() if option.lower() not in _BOUNDS}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def source_from(options: Mapping[str, str]) -> Source:
    """The inverse of `options_of`, for options whose names are case-insensitive."""
    names = {option.lower(): option for option in _FIELDS}
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name.lower() not in names:
            raise ConfigError(f"option {name}: unknown to {FORMAT}; it knows {', '.join(_FIELDS)}")
        option = names[name.lower()]
        values[_FIELDS[option]] = _value(option, text)
    if "stream" not in values:
        raise ConfigError(f"option streamName is missing: {FORMAT} needs the stream's name")
    return Source(**values)


def _value(option: str, text: str) -> str | int | bool:
    if option in ("maxBatchSeconds", "maxRecordsPerBatch"):
        if not text.isdecimal():
            raise ConfigError(f"option {option} = {text!r}: not a whole number")
        return int(text)
    if option == "failOnDataLoss":
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"option {option} = {text!r}: neither true nor false")
        return text.lower() == "true"
    return text
