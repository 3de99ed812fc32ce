"""The options of Spark's format `event_lake_kinesis`, made from settings and turned back into settings."""

from collections.abc import Mapping
from typing import Any

from event_lake.config.settings import Raw, Source
from event_lake.errors import ConfigError

FORMAT = "event_lake_kinesis"

# Settings' names by options' names. An option is named as that of Databricks' Kinesis source, if it has one.
OF_SOURCE = {
    "streamName": "stream",
    "region": "region",
    "endpointUrl": "endpoint_url",
    "initialPosition": "start_from",
    "failOnDataLoss": "fail_on_data_loss",
    "maxBatchSeconds": "max_batch_seconds",
    "maxRecordsPerBatch": "max_batch_records",
}
OF_RAW = {
    "compression": "compression",
    "payloadSplit": "payload_split",
    "maxEventsPerRecord": "max_events_per_record",
    "maxPayloadBytes": "max_payload_bytes",
}
_NUMBERS = {"maxBatchSeconds", "maxRecordsPerBatch", "maxEventsPerRecord", "maxPayloadBytes"}
_BOUNDS = {"maxbatchseconds", "maxrecordsperbatch"}
_PLAIN = Raw()


def options_of(source: Source, raw: Raw = _PLAIN) -> dict[str, str]:
    """Return the format's options for `source`, whose records are unpacked as `raw` says."""
    values = {option: getattr(source, field) for option, field in OF_SOURCE.items()}
    values |= {option: getattr(raw, field) for option, field in OF_RAW.items()}
    return {option: _as_text(value) for option, value in values.items() if value is not None}


def without_bounds(options: Mapping[str, str]) -> dict[str, str]:
    """Return `options` without the bounds of a batch.

    Spark 4.1 takes only one batch in a run with Trigger.AvailableNow, so that batch must have no bounds.
    """
    return {option: value for option, value in options.items() if option.lower() not in _BOUNDS}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_from(options: Mapping[str, str]) -> tuple[Source, Raw]:
    """Return the settings from which `options_of` made `options`. The options' names are case-insensitive.

    The options hold only those settings of Raw that the source needs; its others get their defaults. Raise ConfigError
    if streamName is missing, or an option is unknown, can't be read or breaks a setting's rule.
    """
    known = [*OF_SOURCE, *OF_RAW]
    names = {option.lower(): option for option in known}
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name.lower() not in names:
            raise ConfigError(f"option {name}: unknown to {FORMAT}; it knows {', '.join(known)}")
        option = names[name.lower()]
        values[option] = _value(option, text)
    if "streamName" not in values:
        raise ConfigError(f"option streamName is missing: {FORMAT} needs the stream's name")
    source, raw = (
        {field: values[option] for option, field in fields.items() if option in values}
        for fields in (OF_SOURCE, OF_RAW)
    )
    return Source(**source), Raw(**raw)


def _value(option: str, text: str) -> str | int | bool:
    if option in _NUMBERS:
        if not text.isdecimal():
            raise ConfigError(f"option {option} = {text!r}: not a whole number")
        return int(text)
    if option == "failOnDataLoss":
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"option {option} = {text!r}: neither true nor false")
        return text.lower() == "true"
    return text
