"""Propose contracts: read raw events, and write down the fields of each event type."""

import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from event_lake.config.allowed import BOUNDS
from event_lake.config.parsing import unusable
from event_lake.config.settings import Settings
from event_lake.config.type_folders import fits_table, folder_of
from event_lake.contracts.fields_seen import find_fields
from event_lake.contracts.proposals import FieldSeen, format_proposal
from event_lake.errors import ConfigError, UserError
from event_lake.lake import layout, tables
from event_lake.lake.time_columns import is_dated_in
from event_lake.lake.untrusted import format_name
from event_lake.lake.window import Dates

# Nobody reads more files over. A producer that puts ids into event_name makes any number of types.
_MOST_TYPES = 10_000
_MOST_FIELDS = 5_000
_COUNTED = "true_event_type string, path array<string>, kind string, count bigint, least string, greatest string"
_COUNTED_ARROW = pa.schema(
    [
        ("true_event_type", pa.string()),
        ("path", pa.list_(pa.string())),
        ("kind", pa.string()),
        ("count", pa.int64()),
        ("least", pa.string()),
        ("greatest", pa.string()),
    ]
)


# A type, a path and a kind.
_Field = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The events to look at: those of `dates` and of `types` (empty: of all types), at most `most` of each type."""

    dates: Dates = field(default_factory=Dates)
    types: Collection[str] = ()
    most: int = 10_000

    def __post_init__(self) -> None:
        if self.most < 1:
            raise unusable("--sample", self.most, "must be 1 event of each type or more")


@dataclass(frozen=True)
class Proposed:
    """The names of the files that were `written`; `left_out` has each type without one, with the reason."""

    written: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def propose_contracts(
    spark: SparkSession, settings: Settings, sampling: Sampling, out: str, *, force: bool
) -> Proposed:
    """Write a file into the folder `out` for each type in raw/events.

    Its name is that of `type_folders.folder_of`, and ".toml". A file that is there already is replaced only
    if `force`. Raise UserError if there is no raw layer, or no event to look at, and ConfigError for a folder that
    can't be written to.
    """
    root = settings.lake.root
    tables.refuse_missing_raw(spark, root)
    texts = make_proposals(tables.read(spark, root, layout.RAW_EVENTS), sampling)
    if not texts:
        raise UserError(f"{layout.RAW_EVENTS.name} has no event {sampling.dates} to propose a contract of")
    try:
        return _write_files(texts, Path(out), force=force)
    except OSError as error:
        raise ConfigError(f"--out {out}: can't be written to: {error.strerror}") from None


def make_proposals(events: DataFrame, sampling: Sampling, most_types: int = _MOST_TYPES) -> Mapping[str, str | None]:
    """Return the text of a contract file for each type of `events` (`schemas.EVENT`), by type; None if it needs none.

    It's the same whenever the events are the same. The driver's memory holds a row for each field and kind of value.
    Raise UserError if there are more than `most_types` types.
    """
    with tables.cache(sample_events(events, sampling)) as sample:
        rows = sample.groupBy("true_event_type").count().limit(most_types + 1).collect()
        if len(rows) > most_types:
            raise UserError(
                f"there are more than {most_types:,} event types {sampling.dates}, maybe because producers put ids into"
                " event_name: name those that need a contract, each by --type"
            )
        counts = {row.true_event_type: row["count"] for row in rows}
        fields = defaultdict(list)
        for row in count_fields(sample).collect():
            one = FieldSeen(path=tuple(row.path), kind=row.kind, count=row["count"], examples=tuple(row.examples))
            fields[row.true_event_type].append(one)
    return {
        name: format_proposal(name, count, fields[name], str(sampling.dates)) for name, count in sorted(counts.items())
    }


def sample_events(events: DataFrame, sampling: Sampling) -> DataFrame:
    """Return `true_event_type` and `payload` of the events to look at.

    Of more than `sampling.most` events of a type, the hashes of their event_uuids choose, so it's always the same ones.
    """
    candidates = events.where(is_dated_in(sampling.dates))
    if sampling.types:
        candidates = candidates.where(F.col("true_event_type").isin(*sampling.types))
    by_hash = Window.partitionBy("true_event_type").orderBy(F.xxhash64("event_uuid"), "event_uuid", "payload")
    ranked = candidates.withColumn("rank", F.row_number().over(by_hash)).where(F.col("rank") <= sampling.most)
    return ranked.select("true_event_type", "payload")


def count_fields(sample: DataFrame) -> DataFrame:
    """Count the values of each type, path and kind in the payloads, with two examples at most.

    Return `true_event_type` and the columns of `FieldSeen`. Paths are those of the payload's fields, and of the fields
    of objects directly in it. Of each type there are the 5,000 most frequent: producers that send ids as keys have any
    number.
    """
    counts = sample.select("true_event_type", "payload").mapInArrow(_count_batches, _COUNTED)
    examples = F.array_distinct(F.array_compact(F.array(F.min("least"), F.max("greatest"))))
    fields = counts.groupBy("true_event_type", "path", "kind").agg(
        F.sum("count").alias("count"), examples.alias("examples")
    )
    most_frequent = Window.partitionBy("true_event_type").orderBy(F.desc("count"), "path", "kind")
    ranked = fields.withColumn("rank", F.row_number().over(most_frequent))
    return ranked.where(F.col("rank") <= _MOST_FIELDS).drop("rank")


def _count_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    # A payload nests as deep as raw.max_depth allows.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2 * int(BOUNDS["raw"]["max_depth"][1])))
    for batch in batches:
        counts: Counter[_Field] = Counter()
        least: dict[_Field, str] = {}
        greatest: dict[_Field, str] = {}
        for event_type, payload in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            for path, kind, text in find_fields(payload):
                seen = (event_type, path, kind)
                counts[seen] += 1
                if text is not None:
                    least[seen] = min(text, least.get(seen, text))
                    greatest[seen] = max(text, greatest.get(seen, text))
        types, paths, kinds = zip(*counts, strict=True) if counts else ((), (), ())
        columns = [types, map(list, paths), kinds, counts.values(), map(least.get, counts), map(greatest.get, counts)]
        arrays = [pa.array(list(values), field.type) for values, field in zip(columns, _COUNTED_ARROW, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=_COUNTED_ARROW)


def _write_files(texts: Mapping[str, str | None], folder: Path, *, force: bool) -> Proposed:
    folder.mkdir(parents=True, exist_ok=True)
    result = Proposed()
    first_spellings: dict[str, str] = {}
    for name, text in texts.items():
        file = folder / f"{folder_of(name)}.toml"
        if text is None:
            result.left_out[name] = "its events have no fields of their own"
        elif not fits_table(name):
            result.left_out[name] = "its name is too long for a contract"
        elif (other := first_spellings.setdefault(file.name.lower(), name)) != name:
            result.left_out[name] = f"differs from {format_name(other)} in capitals only"
        elif file.exists() and not force:
            result.left_out[name] = f"{file} is there already; --force writes it anew"
        else:
            file.write_text(text, "utf-8")
            result.written.append(file.name)
    return result
