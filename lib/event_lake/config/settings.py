"""Define every setting of Event Lake: frozen, typed, and checked when it's made.

`conf/reference.toml` explains each key. A test compares its values with the defaults here. Settings that can't be used
raise ConfigError.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations
from string import ascii_letters, digits
from urllib.parse import urlsplit

from event_lake.config.allowed import BOUNDS, refuse_unbounded, refuse_unknown
from event_lake.config.event_names import ANY, EXTRAS, is_event_type
from event_lake.config.lake_root import find_problem
from event_lake.config.parsing import parse_instant, split_path, unusable
from event_lake.config.type_folders import fits_partition
from event_lake.errors import ConfigError

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SAFE_IN_NAMES = {*ascii_letters, *digits, *EXTRAS}
_LOOKS_SECRET = re.compile(r"secret|password|passwd|token|credential|access[._-]?key", re.IGNORECASE)


def _are_positions(value: Mapping[str, object]) -> bool:
    return bool(value) and all(isinstance(position, str) for position in value.values())


@dataclass(frozen=True, kw_only=True)
class Source:
    """The section [source]: the Kinesis stream to read, where to begin, and how much to read at once."""

    stream: str
    # There used to be other connectors, so configurations may still name this one.
    connector: str = "event_lake"
    region: str | None = None
    endpoint_url: str | None = None
    start_from: str = "earliest"
    fail_on_data_loss: bool = True
    max_batch_seconds: int = 600
    max_batch_records: int = 10_000_000

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", self.stream):
            raise unusable(
                "source.stream",
                self.stream,
                "not a stream's name; it has 1 to 128 of letters, digits, '_', '.' and '-'",
            )
        if self.connector != "event_lake":
            raise unusable(
                "source.connector",
                self.connector,
                'there\'s only "event_lake" now, which runs on every platform; leave the key out',
            )
        refuse_unbounded(
            "source",
            self,
            max_batch_seconds="must be 1 second to a year of them",
            max_batch_records=f"must be 1 to {BOUNDS['source']['max_batch_records'][1]:,} records",
        )
        if self.endpoint_url is not None:
            self._check_endpoint(self.endpoint_url)
        if self.start_from not in ("earliest", "latest"):
            self._check_start(self.start_from)

    @staticmethod
    def _check_start(text: str) -> None:
        try:
            usable = _are_positions(json.loads(text)) if text.startswith("{") else bool(parse_instant(text))
        except ValueError:
            usable = False
        if not usable:
            raise unusable(
                "source.start_from",
                text,
                'no starting point; write "earliest", "latest", a time like "2026-11-21T09:00:00Z" or the name of a'
                ' .json file like {"shardId-000000000000": "<sequence number>"}',
            )

    @staticmethod
    def _check_endpoint(url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise unusable("source.endpoint_url", url, f"not a URL: {error}") from None
        if parts.username or parts.password:
            raise ConfigError("source.endpoint_url holds a user or password: use the SDK's own credentials chain")
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not safe or not parts.hostname:
            raise unusable(
                "source.endpoint_url",
                url,
                "events would travel unencrypted; use https, or http to an emulator on localhost",
            )


@dataclass(frozen=True, kw_only=True)
class Lake:
    """The section [lake]: the folder of all tables and checkpoints, its leases, and the catalog that has the tables."""

    root: str
    lease: str = "aws_sdk"
    catalog: str | None = None

    def __post_init__(self) -> None:
        refuse_unknown("lake", self)
        if problem := find_problem(self.root):
            raise unusable("lake.root", self.root, problem)
        if self.catalog is not None and not re.fullmatch(r"([\w-]{1,255}\.)?[\w-]{1,255}", self.catalog, re.ASCII):
            problem = (
                'no schema of a catalog; write it like "events" or "main.events", of ASCII letters, digits, _ and -'
            )
            raise unusable("lake.catalog", self.catalog, problem)


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The section [raw.fields]: where in a payload the three fields of an event are.

    Each is the path of keys that lead to the value, as a text with dots between them or each by itself.
    """

    event_uuid: str | tuple[str, ...] = "event_uuid"
    event_name: str | tuple[str, ...] = "event_name"
    created_at: str | tuple[str, ...] = "created_at"

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if not all(split_path(value)) or not value:
                problem = 'not a path; write it like "detail.id", or ["detail.v2", "id"] if keys have dots'
                raise unusable(f"raw.fields.{key}", value, problem)
        for one, other in permutations(self.paths, 2):
            if one == other[: len(one)]:
                problem = "leads to the value of another field, or into it; each field has a value of its own"
                raise unusable("raw.fields", ".".join(other), problem)

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Return the keys that lead to the fields: event_uuid, event_name and created_at."""
        return tuple(split_path(value) for value in (self.event_uuid, self.event_name, self.created_at))


@dataclass(frozen=True, kw_only=True)
class Raw:
    """The section [raw]: how ingest_raw turns records into raw events."""

    trigger_interval: timedelta = timedelta(minutes=1)
    dedup_window: timedelta = timedelta(hours=1)
    dedup_on: str = "event_uuid"
    compression: str = "none"
    payload_split: str = "none"
    max_events_per_record: int = 100_000
    max_payload_bytes: int = 10 * 1024 * 1024
    max_depth: int = 100
    name_characters: str = "_.-"
    finest_created_at: str = "milliseconds"
    created_at_strings: str = "numbers"
    max_future: timedelta = timedelta(minutes=5)
    max_age: timedelta = timedelta(days=30)
    max_event_types: int = 500
    max_batch_partitions: int = 1_000
    event_types: tuple[str, ...] = ()
    fields: Fields = field(default_factory=Fields)

    def __post_init__(self) -> None:
        refuse_unknown("raw", self)
        refuse_unbounded("raw", self)
        if unsafe := sorted(set(self.name_characters) - _SAFE_IN_NAMES):
            raise unusable(
                "raw.name_characters",
                self.name_characters,
                f"{''.join(unsafe)!r} can't stand in a folder's name everywhere; there may be {EXTRAS}, or"
                f' "{ANY}", which takes every printable character',
            )
        for name in self.event_types:
            self._check_event_type(name)

    def _check_event_type(self, name: str) -> None:
        if not is_event_type(name, self.name_characters):
            raise unusable("raw.event_types", name, "no event's name can begin with it, see raw.name_characters")
        if not fits_partition(name):
            raise unusable("raw.event_types", name, "its folder would have more than 255 bytes; leave it out")


@dataclass(frozen=True, kw_only=True)
class Staging:
    """The section [staging]: how build_staging turns raw events into staging events."""

    keep: str = "first"
    max_batch_bytes: int = 128 * 1024 * 1024
    when_busy: str = "refuse"
    contracts: str | None = None

    def __post_init__(self) -> None:
        refuse_unbounded("staging", self, max_batch_bytes="must be 1 or more bytes")
        refuse_unknown("staging", self)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The section [quality]: whether build_staging measures quality, and the file of the measures' thresholds."""

    measure: bool = True
    thresholds: str = "conf/quality.toml"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The section [progress]: how a running job logs its progress, and the CloudWatch namespace of its metrics."""

    log: str = "auto"
    cloudwatch_namespace: str | None = None

    def __post_init__(self) -> None:
        refuse_unknown("progress", self)
        namespace = self.cloudwatch_namespace
        if namespace is not None and (
            not re.fullmatch(r"[0-9A-Za-z.\-_/#:]{1,255}", namespace) or namespace.startswith("AWS/")
        ):
            raise unusable("progress.cloudwatch_namespace", namespace, 'no namespace; write it like "EventLake"')


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, by section. `spark` holds Spark's own settings by their full names, passed on as they are."""

    source: Source
    lake: Lake
    raw: Raw = field(default_factory=Raw)
    staging: Staging = field(default_factory=Staging)
    quality: Quality = field(default_factory=Quality)
    progress: Progress = field(default_factory=Progress)
    spark: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.spark:
            if not key.startswith("spark."):
                raise ConfigError(f'spark."{key}": not a Spark setting; its name starts with "spark."')
            if _LOOKS_SECRET.search(key) and not key.endswith(".provider"):
                raise ConfigError(f'spark."{key}" looks like a credential: use the SDK\'s own credentials chain')
