"""Decide where ingest_raw begins: at its checkpoint, anew from the ledger, or for the first time."""

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
from event_lake.kinesis.offsets import Closed, Offset, from_text, to_text
from event_lake.kinesis.planning.resume import Resumption, resume_positions
from event_lake.lake import formats
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.formats import without_format
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw import resume
from event_lake.raw.rules_in_force import format_value

_log = logging.getLogger(__name__)

# The file in the checkpoint that holds its `Beginning`.
_FILE = "event_lake.json"
_FORMAT = 1
_SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
# The settings that mustn't change while a checkpoint is in use. Each key has its field in `Beginning`, and the reason
# that the error's message gives.
_KEPT = {
    "source.stream": ("stream", "its positions are of that stream's shards"),
    "raw.dedup_window": ("dedup_window", "events that came before would be remembered for that long only"),
    "raw.dedup_on": ("dedup_on", "events that came before are remembered by that"),
    f'spark."{_SHUFFLE_PARTITIONS}"': ("shuffle_partitions", "Spark would go on with that, whatever it's told"),
}


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """The settings and the positions with which a checkpoint of ingest_raw's query began; a file in it holds them.

    - `start_from` has the form of `config.Source.start_from`. A checkpoint that replaces another one begins at the
      ledger's positions, if it has any.
    - `first_batch` is the number in the lake of Spark's batch 0. Spark numbers the batches of each checkpoint from 0;
      `batch_id` in all tables is `first_batch` + Spark's number, so it grows over the lake's whole life.
    - `older_until` is the last `ingested_at` of the batches before `first_batch`, None if there were none.
    - `holes` says by shard which records expired before they were read and before this checkpoint began.
    - `gone` has, for each shard that the stream no longer has, the position up to which it was read.
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

    def first_positions(self, end: Offset) -> Mapping[str, str]:
        """Return the position by shard for the ledger of the checkpoint's first batch, which ends at `end`.

        A shard of which it reads nothing ends where it began. Only by Spark 4.1, whose first batch isn't empty, such a
        shard may have been closed meanwhile. Then its position is the one that `start_from` names.
        """
        named = json.loads(self.start_from) if self.start_from.startswith("{") else {}
        closed = {s: to_text(from_text(text)) for s, text in named.items() if end.shards.get(s) == Closed()}
        return {**end.positions, **closed, **self.gone}


def beginning_of(checkpoint: Checkpoint) -> Beginning:
    """Return the `Beginning` that `checkpoint` holds. Raise UserError if it can't be read."""
    fields = without_format(f"checkpoint {checkpoint.path}: {_FILE}", checkpoint.object_in(_FILE), _FORMAT)
    try:
        window, until = fields.pop("dedup_window_seconds"), fields.pop("older_until")
        # Older versions had other sources, too.
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
    """Write `beginning` into `checkpoint`. After a crash the new file is there as a whole, or not at all."""
    fields = asdict(beginning)
    fields["dedup_window_seconds"] = fields.pop("dedup_window").total_seconds()
    fields["older_until"] = beginning.older_until.isoformat() if beginning.older_until else None
    checkpoint.put(_FILE, json.dumps({formats.KEY: _FORMAT, **fields}, indent=2))


def open_or_replace_checkpoint(
    spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, *, anew: bool
) -> Beginning:
    """Make `checkpoint` ready for the query, and return the `Beginning` that it holds then.

    - If the checkpoint has a batch, the query goes on with it, unless `anew`.
    - If neither the checkpoint nor the lake has a batch, the query begins as the settings say.
    - If `anew`, the checkpoint is replaced by one that resumes from the ledger. The same happens without `anew` if an
      earlier start began to replace it, and ended before the new checkpoint had a batch.
    - If the lake has batches, and the checkpoint has neither a batch nor its `Beginning`, it's lost: UserError.

    The tables must exist. Raise UserError also for a checkpoint that is damaged or older than the ledger, ConfigError
    if a setting has changed that must stay (`refuse_changes`), and what `raw.resume` and `kinesis.planning.resume`
    raise.
    """
    configured = make_beginning(spark, settings)
    committed = resume.last_committed(spark, settings.lake.root)
    newest = checkpoint.newest_batch
    anew = anew or checkpoint.is_being_replaced
    if newest is not None and not anew:
        beginning = beginning_of(checkpoint)
        refuse_changes(beginning, configured)
        checkpoint.refuse_damaged()
        if beginning.first_batch + newest < committed.last:
            raise UserError(
                f"checkpoint {checkpoint.path} ends with batch {beginning.first_batch + newest}, but the ledger with"
                f" {committed.last}: it's not the newest; {NEW_CHECKPOINT}"
            )
        return beginning
    if not anew and committed.last < 0 and not resume.find_unfinished(spark, settings.lake.root, committed.last):
        checkpoint.clear_unbegun()
        keep_beginning(checkpoint, configured)
        return configured
    if not anew and not checkpoint.has(_FILE):
        raise UserError(f"checkpoint {checkpoint.path} is lost, but the lake has batches; {NEW_CHECKPOINT}")
    return _replace_checkpoint(spark, settings, checkpoint, reads, committed)


def make_beginning(spark: SparkSession, settings: Settings) -> Beginning:
    """Return the `Beginning` of a query in a lake that has no batches yet."""
    return Beginning(
        stream=settings.source.stream,
        start_from=settings.source.start_from,
        dedup_window=settings.raw.dedup_window,
        dedup_on=settings.raw.dedup_on,
        # A text, because on some platforms it's "auto".
        shuffle_partitions=str(spark.conf.get(_SHUFFLE_PARTITIONS)),
    )


def refuse_changes(begun: Beginning, configured: Beginning) -> None:
    """Raise ConfigError if settings differ that must stay while a checkpoint is in use; the message names them all.

    They are `source.stream`, `raw.dedup_window`, `raw.dedup_on` and `spark.sql.shuffle.partitions`.
    """
    changes = [
        f"{key} = {format_value(getattr(configured, name))}: the checkpoint has {format_value(getattr(begun, name))},"
        f" and {reason}"
        for key, (name, reason) in _KEPT.items()
        if getattr(configured, name) != getattr(begun, name)
    ]
    if changes:
        raise ConfigError(f"{'; '.join(changes)}; put it back, or: {NEW_CHECKPOINT}")


def _replace_checkpoint(
    spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, committed: resume.LastCommitted
) -> Beginning:
    """Put the old checkpoint aside, and begin another one at the positions that the ledger has.

    All that may raise comes before the first change. From the first change until the new checkpoint is whole, a mark
    beside the folder says that it's being replaced. A start that finds the mark does it all again. Every step can be
    repeated. The old checkpoint is put aside first, because Spark would complete the unfinished batch from it. The rows
    of that batch are deleted next. The query reads nothing before the new checkpoint holds its start.
    """
    source, root = settings.source, settings.lake.root
    unfinished = resume.find_unfinished(spark, root, committed.last)
    reached = resume.positions_reached(spark, root, source.stream)
    resumption = (
        resume_positions(*reached, reads, go_on=not source.fail_on_data_loss)
        if reached
        else Resumption(source.start_from)
    )
    beginning = replace(
        make_beginning(spark, settings),
        start_from=resumption.start_from,
        first_batch=committed.last + 1,
        older_until=committed.ingested_at,
        holes=resumption.holes,
        gone=resumption.gone,
    )
    checkpoint.set_aside()
    if unfinished:
        resume.delete_unfinished(spark, root, committed.last)
    keep_beginning(checkpoint, beginning)
    checkpoint.end_replacement()
    _log.info("a new checkpoint begins with batch %d, at the ledger's positions", beginning.first_batch)
    return beginning
