"""What a step of build_staging takes: files that raw has gained, and the hours in which their rows arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from event_lake.hours import at, hour_of


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """`rows` events in `files` (paths) of these `partitions` (date, event_type) of raw/events.

    `hours`: in which they arrived, and the quarantined records that came with them; UTC.
    """

    rows: int
    files: Sequence[str]
    partitions: Sequence[tuple[date, str]]
    hours: Sequence[datetime]


def gained(events: DataFrame, quarantine: DataFrame) -> DataFrame:
    """Where the rows of raw/events and raw/quarantine lie, streams or not: for `chunk_of`, which reads no other."""
    hour = hour_of().alias("hour")
    of_events = events.select("date", "event_type", F.input_file_name().alias("file"), hour)
    of_quarantine = quarantine.select(*(F.lit(None).alias(name) for name in ("date", "event_type", "file")), hour)
    return of_events.union(of_quarantine)


def chunk_of(rows: DataFrame) -> Chunk:
    """The chunk of some rows of `gained`."""
    found = rows.groupBy(*rows.columns).count().collect()
    events = [row for row in found if row.file is not None]
    return Chunk(
        rows=sum(row["count"] for row in events),
        files=sorted({_path(row.file) for row in events}),
        partitions=sorted({(row.date, row.event_type) for row in events}),
        hours=sorted({at(row.hour) for row in found}),
    )


def hours_of(events: DataFrame) -> Sequence[datetime]:
    """The hours in which events arrived; UTC."""
    return sorted({at(row.hour) for row in events.select(hour_of().alias("hour")).distinct().collect()})


def _path(uri: str) -> str:
    # Spark tells a file's URI, with %-escapes, and reads a path, without.
    parts = urlsplit(uri)
    path = unquote(parts.path)
    return path if parts.scheme == "file" else f"{parts.scheme}://{parts.netloc}{path}"
