"""Where ingest_raw begins: at its checkpoint, anew from the ledger, or for the first time."""

import logging
from dataclasses import replace

from pyspark.sql import SparkSession

from event_lake.config.settings import Settings
from event_lake.errors import ConfigError, UserError
from event_lake.kinesis.api.reads import Reads
from event_lake.kinesis.planning.resume import Resumption, resumed
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.raw import resume
from event_lake.raw.resume import Beginning
from event_lake.raw.rules_in_force import shown

_log = logging.getLogger(__name__)

_SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
# What a checkpoint is held to, by the setting's key: the field of `Beginning`, and what would become of another value.
_KEPT = {
    "source.stream": ("stream", "its positions are of that stream's shards"),
    "raw.dedup_window": ("dedup_window", "events that came before would be remembered for that long only"),
    "raw.dedup_on": ("dedup_on", "events that came before are remembered by that"),
    f'spark."{_SHUFFLE_PARTITIONS}"': ("shuffle_partitions", "Spark would go on with that, whatever it's told"),
}


def begun(spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, *, anew: bool) -> Beginning:
    """What the query at `checkpoint` begins or began with; the checkpoint says so itself afterwards.

    A checkpoint with a batch is gone on with, unless `anew`. Without one, the query begins as configured if the lake
    has no batches. If it has some, the checkpoint is lost: `anew` resumes from the ledger, and so does any start
    where that was begun and didn't come to a batch. The tables must exist.
    Raises UserError for a checkpoint that can't be gone on with, ConfigError for a changed setting that it is held to,
    and what `_anew`, `raw.resume` and `kinesis.resume` raise.
    """
    asked = configured(spark, settings)
    taken = resume.taken(spark, settings.lake.root)
    newest = checkpoint.newest_batch
    anew = anew or checkpoint.is_being_replaced
    if newest is not None and not anew:
        found = checkpoint.beginning()
        refuse_changes(found, asked)
        checkpoint.refuse_damaged()
        if found.first_batch + newest < taken.last:
            raise UserError(
                f"checkpoint {checkpoint.path} ends with batch {found.first_batch + newest}, but the ledger with"
                f" {taken.last}: it's not the newest; {NEW_CHECKPOINT}"
            )
        return found
    if not anew and taken.last < 0 and not resume.unfinished(spark, settings.lake.root, taken.last):
        checkpoint.begin(asked)
        return asked
    if not anew and not checkpoint.has_beginning:
        raise UserError(f"checkpoint {checkpoint.path} is lost, but the lake has batches; {NEW_CHECKPOINT}")
    return _anew(spark, settings, checkpoint, reads, taken)


def configured(spark: SparkSession, settings: Settings) -> Beginning:
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
        f"{key} = {shown(getattr(asked, name))}: the checkpoint has {shown(getattr(found, name))}, and {reason}"
        for key, (name, reason) in _KEPT.items()
        if getattr(asked, name) != getattr(found, name)
    ]
    if changed:
        raise ConfigError(f"{'; '.join(changed)}; put it back, or: {NEW_CHECKPOINT}")


def _anew(
    spark: SparkSession, settings: Settings, checkpoint: Checkpoint, reads: Reads, taken: resume.Taken
) -> Beginning:
    """Put the old checkpoint aside, and begin another behind what the ledger tells.

    What may be refused is found out before anything is changed. From then on until the new checkpoint is whole it's
    marked as being replaced, and a start that finds the mark does all of it once more. Each step can be repeated: the
    old checkpoint is put aside before the rows that it would complete are deleted, and nothing is read before the
    new one says where.
    """
    source, root = settings.source, settings.lake.root
    left = resume.unfinished(spark, root, taken.last)
    told = resume.reached(spark, root, source.stream)
    begin = resumed(*told, reads, go_on=not source.fail_on_data_loss) if told else Resumption(source.start_from)
    beginning = replace(
        configured(spark, settings),
        start_from=begin.start_from,
        first_batch=taken.last + 1,
        older_until=taken.ingested_at,
        holes=begin.holes,
        gone=begin.gone,
    )
    checkpoint.set_aside()
    if left:
        resume.delete_unfinished(spark, root, taken.last)
    checkpoint.begin(beginning)
    checkpoint.end_replacement()
    _log.info("a new checkpoint begins with batch %d, behind what the ledger tells", beginning.first_batch)
    return beginning
