"""Where ingest_raw begins: at its checkpoint, anew from the ledger, or for the first time."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from event_lake.config.parsing import parse_instant
from event_lake.config.settings import Settings
from event_lake.errors import ConfigError, UserError
from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.planning.resume import Resumption, resume_positions
from event_lake.lake import formats
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.formats import without_format
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw import resume
from event_lake.raw.rules_in_force import format_value

_log = logging.getLogger(__name__)

# In the checkpoint.
_FILE = "event_lake.json"
_FORMAT = 1
_SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
# What a checkpoint is held to, by the setting's key: the field of `Beginning`, and what would become of another value.
_KEPT = {
    "source.stream": ("stream", "its positions are of that stream's shards"),
    "raw.dedup_window": ("dedup_window", "events that came before would be remembered for that long only"),
    "raw.dedup_on": ("dedup_on", "events that came before are remembered by that"),
    f'spark."{_SHUFFLE_PARTITIONS}"': ("shuffle_partitions", "Spark would go on with that, whatever it's told"),
}


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a checkpoint of the raw layer's query began with.

    In all tables `batch_id` is `first_batch` + Spark's own number, so that it grows over a lake's whole life.
    `start_from` is as in `config.Source`; `holes` says by shard what expired unread before it, and `gone` up to where
    those shards were read that aren't there any more. Older batches ingested up to `older_until`, if there were any.
    """

    stream: str
    start_from: str
    dedup_window: timedelta
    dedup_on: str
    shuffle_partitions: str
    first_batch: int = 0
    older_until: datetime | None = None
    holes: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


def beginning_of(checkpoint: Checkpoint) -> Beginning:
    """Return what the query at `checkpoint` began with. Raises UserError if the file can't be read."""
    fields = without_format(f"checkpoint {checkpoint.path}: {_FILE}", checkpoint.object_in(_FILE), _FORMAT)
    try:
        window, until = fields.pop("dedup_window_seconds"), fields.pop("older_until")
        # There used to be other sources.
        connector = fields.pop("connector", "event_lake")
        beginning = Beginning(
            **fields,
            dedup_window=timedelta(seconds=window),
            older_until=parse_instant(until) if until else None,
        )
    except (ValueError, TypeError, AttributeError, KeyError):
        raise checkpoint.damaged(_FILE) from None
    if connector != "event_lake":
        raise UserError(
            f"checkpoint {checkpoint.path} is of source.connector = {connector!r}, which there isn't any more; a new"
            " lake.root starts afresh"
        )
    return beginning


def keep_beginning(checkpoint: Checkpoint, beginning: Beginning) -> None:
    """Write into `checkpoint` what its query begins with; the file is there whole or not at all."""
    fields = asdict(beginning)
    fields["dedup_window_seconds"] = fields.pop("dedup_window").total_seconds()
    fields["older_until"] = beginning.older_until.isoformat() if beginning.older_until else None
    checkpoint.put(_FILE, json.dumps({formats.KEY: _FORMAT, **fields}, indent=2))


def open_or_replace_checkpoint(
    spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, *, anew: bool
) -> Beginning:
    """What the query at `checkpoint` begins or began with; the checkpoint says so itself afterwards.

    A checkpoint with a batch is gone on with, unless `anew`. Without one, the query begins as configured if the lake
    has no batches. If it has some, the checkpoint is lost: `anew` resumes from the ledger, and so does any start
    where that was begun and didn't come to a batch. The tables must exist.
    Raises UserError for a checkpoint that can't be gone on with, ConfigError for a changed setting that it is held to,
    and what `_anew`, `raw.resume` and `kinesis.resume` raise.
    """
    asked = make_beginning(spark, settings)
    taken = resume.last_committed(spark, settings.lake.root)
    newest = checkpoint.newest_batch
    anew = anew or checkpoint.is_being_replaced
    if newest is not None and not anew:
        found = beginning_of(checkpoint)
        refuse_changes(found, asked)
        checkpoint.refuse_damaged()
        if found.first_batch + newest < taken.last:
            raise UserError(
                f"checkpoint {checkpoint.path} ends with batch {found.first_batch + newest}, but the ledger with"
                f" {taken.last}: it's not the newest; {NEW_CHECKPOINT}"
            )
        return found
    if not anew and taken.last < 0 and not resume.find_unfinished(spark, settings.lake.root, taken.last):
        keep_beginning(checkpoint, asked)
        return asked
    if not anew and not checkpoint.has(_FILE):
        raise UserError(f"checkpoint {checkpoint.path} is lost, but the lake has batches; {NEW_CHECKPOINT}")
    return _anew(spark, settings, checkpoint, reads, taken)


def make_beginning(spark: SparkSession, settings: Settings) -> Beginning:
    """What a query begins with for the first time."""
    return Beginning(
        stream=settings.source.stream,
        start_from=settings.source.start_from,
        dedup_window=settings.raw.dedup_window,
        dedup_on=settings.raw.dedup_on,
        # A text, as on some platforms it's "auto".
        shuffle_partitions=str(spark.conf.get(_SHUFFLE_PARTITIONS)),
    )


def refuse_changes(found: Beginning, asked: Beginning) -> None:
    """Raise ConfigError, naming them all, if settings differ in `asked` that the checkpoint is held to."""
    changed = [
        f"{key} = {format_value(getattr(asked, name))}: the checkpoint has {format_value(getattr(found, name))},"
        f" and {reason}"
        for key, (name, reason) in _KEPT.items()
        if getattr(asked, name) != getattr(found, name)
    ]
    if changed:
        raise ConfigError(f"{'; '.join(changed)}; put it back, or: {NEW_CHECKPOINT}")


def _anew(
    spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, taken: resume.LastCommitted
) -> Beginning:
    """Put the old checkpoint aside, and begin another behind what the ledger tells.

    What may be refused is found out before anything is changed. From then on until the new checkpoint is whole it's
    marked as being replaced, and a start that finds the mark does all of it once more. Each step can be repeated: the
    old checkpoint is put aside before the rows that it would complete are deleted, and nothing is read before the
    new one says where.
    """
    source, root = settings.source, settings.lake.root
    left = resume.find_unfinished(spark, root, taken.last)
    told = resume.positions_reached(spark, root, source.stream)
    begin = (
        resume_positions(*told, reads, go_on=not source.fail_on_data_loss) if told else Resumption(source.start_from)
    )
    beginning = replace(
        make_beginning(spark, settings),
        start_from=begin.start_from,
        first_batch=taken.last + 1,
        older_until=taken.ingested_at,
        holes=begin.holes,
        gone=begin.gone,
    )
    checkpoint.set_aside()
    if left:
        resume.delete_unfinished(spark, root, taken.last)
    keep_beginning(checkpoint, beginning)
    checkpoint.end_replacement()
    _log.info("a new checkpoint begins with batch %d, behind what the ledger tells", beginning.first_batch)
    return beginning
