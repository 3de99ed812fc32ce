"""Read Spark's own files in a checkpoint folder, and keep files of Event Lake in it and beside it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession

from event_lake.errors import UserError
from event_lake.lake.hadoop_files import HadoopFiles
from event_lake.lake.storage_errors import NEW_CHECKPOINT
from event_lake.lake.time import instant_of

_RULES = "rules.json"


@dataclass(frozen=True)
class PlannedBatch:
    """A batch in Spark's offset log, which Spark writes before it runs the batch.

    `clock` is the batch's time, which all of its rows have as `ingested_at`. `watermark` is the time to which the
    batches before it have moved Spark's watermark. `source` is the JSON in which the source noted the batch's end.
    """

    clock: datetime
    watermark: datetime
    source: Any

    def makes_late(self, following: "PlannedBatch") -> bool:
        """True if Spark drops all rows of the batch `following` as late.

        Spark drops rows of `following` that aren't later than the watermark noted for the batch before it (`self`). All
        rows of a batch have its clock, so it drops all or none. Source: a test that compares this function with Spark.
        """
        return following.clock <= self.watermark


@dataclass(frozen=True)
class Unchecked:
    """A batch that is written, but not yet checked for losses.

    `batch_id` is its number in the lake, `spark_batch` its number in the checkpoint.
    """

    batch_id: int
    spark_batch: int


class Checkpoint:
    """The checkpoint folder at `path`. Methods that read a file of it raise UserError if they can't."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.path = path
        self._files = HadoopFiles(spark, path)
        self._mark = f"{path}.being-replaced"
        self._note = f"{path}.unchecked"

    @property
    def newest_batch(self) -> int | None:
        """Return Spark's number of the last batch that was planned, or None if none was."""
        return max(self.numbers("offsets"), default=None)

    @property
    def is_being_replaced(self) -> bool:
        """True if `begin_replacement` or `set_aside` was called and `end_replacement` wasn't called since."""
        return self._files.exists(self._mark)

    def planned(self, batch_id: int) -> PlannedBatch:
        """Return the batch with Spark's number `batch_id`. Spark keeps the last hundred.

        Source: Spark's OffsetSeqLog. A file has a line with its version, one with the batch's metadata, and one for
        each source.
        """
        match self._entry("offsets", batch_id):
            case [{"batchTimestampMs": int(clock), "batchWatermarkMs": int(watermark)}, source]:
                return PlannedBatch(_instant(clock), _instant(watermark), source)
        raise self._damaged(f"offsets/{batch_id}", "isn't what Spark wrote")

    def ends(self, batch_id: int) -> list[Any]:
        """Return the offset at which a batch ends in each source of its query, as the source's own JSON.

        It's None for a source that has read nothing yet.
        """
        _, _, *sources = self.text(f"offsets/{batch_id}").split("\n")
        return [_parsed(line) for line in sources]

    def has_committed(self, batch_id: int) -> bool:
        """True if Spark has committed the batch, and so won't repeat it. Spark keeps the last hundred."""
        return batch_id in self.numbers("commits")

    def rules(self) -> dict[str, str] | None:
        """Return the rules that `keep_rules` kept last, or None if it never did."""
        return self.object_in(_RULES) if self.has(_RULES) else None

    def keep_rules(self, rules: Mapping[str, str]) -> None:
        """Keep the rules by which batches are written from now on."""
        self.put(_RULES, json.dumps(dict(rules), indent=2))

    def refuse_damaged(self) -> None:
        """Raise UserError if a file that Spark needs to resume the query is missing or damaged.

        Call it only for a checkpoint with a batch. The files are `metadata`, which holds the query's id, and the newest
        two files of `offsets` and of `commits`.
        """
        metadata = _parsed(self.text("metadata"))
        if not isinstance(metadata, dict) or "id" not in metadata:
            # Spark would go on with a new id. The tables know a repeated batch by the query's id and the batch's
            # number.
            raise self._damaged("metadata", "isn't what Spark wrote")
        for folder in ("offsets", "commits"):
            for batch_id in sorted(self.numbers(folder))[-2:]:
                self._entry(folder, batch_id)

    def clear_unbegun(self) -> None:
        """Delete what Spark has left in a checkpoint without a batch. Spark wouldn't begin in it.

        A kill while Spark writes its first offset leaves a temporary file in `offsets`. Source: Spark 4.2's
        MicroBatchExecution.verifyNewCheckpointDirectory.
        """
        assert self.newest_batch is None, "only a checkpoint without a batch may be cleared"
        for folder in ("offsets", "commits", "state"):
            self._files.delete_folder(f"{self.path}/{folder}")

    def begin_replacement(self) -> None:
        """Mark the checkpoint as one to be replaced. Each start replaces it anew until `end_replacement` is called."""
        self._files.write(self._mark, "")

    def set_aside(self) -> None:
        """Begin the replacement: rename the folder to `<path>.replaced-<time>`, if there is one. Nothing is deleted."""
        # A folder in S3 is renamed object by object, and a crash leaves a part of it. While the mark is there, no
        # start uses such a part.
        self.begin_replacement()
        if self._files.exists(self.path):
            # No colons: Hadoop can't list such names.
            self._files.rename(self.path, f"{self.path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    def end_replacement(self) -> None:
        """Remove the mark: the checkpoint that is there now may be used."""
        self._files.delete(self._mark)

    @property
    def unchecked(self) -> Unchecked | None:
        """Return the batch that `note_unchecked` noted, or None if there is no note, or an empty one."""
        if not self._files.exists(self._note):
            return None
        note = _parsed(self._files.read(self._note))
        # A crash may leave an empty file. The batch wasn't committed then, as the note is written before that.
        return Unchecked(**note) if isinstance(note, dict) else None

    def note_unchecked(self, batch: Unchecked) -> None:
        """Note in a file beside the checkpoint that a batch is written. Spark commits it next; then it's checked."""
        self._files.write(self._note, json.dumps(asdict(batch)))

    def strike_unchecked(self) -> None:
        """Delete the note, once the batch is checked, or a finding about it is kept in the lake."""
        self._files.delete(self._note)

    def numbers(self, folder: str) -> list[int]:
        """Return the numbers that name files in a folder of the checkpoint."""
        return self._files.numbers(f"{self.path}/{folder}")

    def text(self, name: str) -> str:
        """Return the text of a file of the checkpoint."""
        try:
            return self._files.read(f"{self.path}/{name}")
        except OSError as error:
            raise self._damaged(name, f"can't be read ({error})") from error

    def has(self, name: str) -> bool:
        """True if the checkpoint has a file of this name."""
        return self._files.exists(f"{self.path}/{name}")

    def object_in(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a file of the checkpoint. Raise UserError if the file holds none."""
        content = _parsed(self.text(name))
        if not isinstance(content, dict):
            raise self.damaged(name)
        return content

    def damaged(self, name: str) -> UserError:
        """Return the error to raise for a file that doesn't hold what Event Lake wrote there."""
        return self._damaged(name, "isn't what was written")

    def put(self, name: str, text: str) -> None:
        """Write `text` to a file of the checkpoint. After a crash the new file is there as a whole, or not at all.

        The old one may be gone then.
        """
        self._files.put(f"{self.path}/{name}", text)

    def delete(self, name: str) -> None:
        """Delete a file of the checkpoint, if it's there."""
        self._files.delete(f"{self.path}/{name}")

    def _entry(self, log: str, batch_id: int) -> list[Any]:
        """Return what one of Spark's logs says of a batch: the JSON value of each line after the version."""
        name = f"{log}/{batch_id}"
        version, *lines = self.text(name).split("\n")
        values = [_parsed(line) for line in lines]
        if not re.fullmatch("v[0-9]+", version) or not values or None in values:
            raise self._damaged(name, "isn't what Spark wrote")
        return values

    def _damaged(self, name: str, problem: str) -> UserError:
        return UserError(f"checkpoint {self.path}: {name} {problem}; {NEW_CHECKPOINT}")


def _instant(millis: int) -> datetime:
    return instant_of(1000 * millis)


def _parsed(text: str) -> Any:
    """Return the JSON value that `text` spells, or None if it isn't JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
