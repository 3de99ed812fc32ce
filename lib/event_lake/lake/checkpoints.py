"""The checkpoint folder of a streaming query: what Spark keeps in it, and what we say there of its beginning."""

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
    """A batch in Spark's offset log: the `clock` that its rows have as `ingested_at`, and its `source`'s own JSON.

    `watermark` is what the batches before it moved the watermark to.
    """

    clock: datetime
    watermark: datetime
    source: Any

    def makes_late(self, following: "PlannedBatch") -> bool:
        """Whether Spark drops all rows of the `following` batch as late, as their clock isn't behind the watermark.

        A batch's rows are held to the watermark of the batch before it, and are late if they are equal to it. Source: a
        test that holds Spark to it.
        """
        return following.clock <= self.watermark


@dataclass(frozen=True)
class Unchecked:
    """A batch that is written and not yet checked: its number in the lake, and Spark's."""

    batch_id: int
    spark_batch: int


class Checkpoint:
    """The folder at `path`. What can't be read is a UserError."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.path = path
        self._files = HadoopFiles(spark, path)
        self._mark = f"{path}.being-replaced"
        self._note = f"{path}.unchecked"

    @property
    def newest_batch(self) -> int | None:
        """Spark's number of the last batch that was planned, if any was."""
        return max(self.numbers("offsets"), default=None)

    @property
    def is_being_replaced(self) -> bool:
        """Whether `begin_replacement` or `set_aside` was called, and `end_replacement` wasn't."""
        return self._files.exists(self._mark)

    def planned(self, batch_id: int) -> PlannedBatch:
        """The batch with Spark's number `batch_id`: one of the last hundred.

        Source: Spark's OffsetSeqLog: a version, the batch's metadata, and a line for each source.
        """
        match self._entry("offsets", batch_id):
            case [{"batchTimestampMs": int(clock), "batchWatermarkMs": int(watermark)}, source]:
                return PlannedBatch(_instant(clock), _instant(watermark), source)
        raise self._damaged(f"offsets/{batch_id}", "isn't what Spark wrote")

    def ends(self, batch_id: int) -> list[Any]:
        """Where the batch ends in each source of a query that has several: their own JSON, None for nothing yet."""
        _, _, *sources = self.text(f"offsets/{batch_id}").split("\n")
        return [_parsed(line) for line in sources]

    def has_committed(self, batch_id: int) -> bool:
        """Whether Spark has done with the batch, one of the last hundred, and won't repeat it."""
        return batch_id in self.numbers("commits")

    def rules(self) -> dict[str, str] | None:
        """The rules that `keep_rules` kept last; None if none were."""
        return self.object_in(_RULES) if self.has(_RULES) else None

    def keep_rules(self, rules: Mapping[str, str]) -> None:
        """Note by which rules batches are written from now on."""
        self.put(_RULES, json.dumps(dict(rules), indent=2))

    def refuse_damaged(self) -> None:
        """Raise UserError unless there is what Spark reads first of a checkpoint with a batch, and it can be read."""
        told = _parsed(self.text("metadata"))
        if not isinstance(told, dict) or "id" not in told:
            # With another id a batch that Spark repeats would be another batch to the tables.
            raise self._damaged("metadata", "isn't what Spark wrote")
        for folder in ("offsets", "commits"):
            for batch_id in sorted(self.numbers(folder))[-2:]:
                self._entry(folder, batch_id)

    def begin_replacement(self) -> None:
        """Have the next start replace it, if this one doesn't come to that; `end_replacement` ends it."""
        self._files.write(self._mark, "")

    def set_aside(self) -> None:
        """Put aside what there is of it, beside it; nothing is deleted. `end_replacement` ends what begins here."""
        # A folder in S3 is renamed object by object. Until the mark is gone, what's left of it isn't to be used.
        self.begin_replacement()
        if self._files.exists(self.path):
            # No colons: Hadoop can't list such names.
            self._files.rename(self.path, f"{self.path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    def end_replacement(self) -> None:
        """The checkpoint that there is now may be used."""
        self._files.delete(self._mark)

    @property
    def unchecked(self) -> Unchecked | None:
        """The batch that `note_unchecked` noted, and `strike_unchecked` hasn't struck."""
        if not self._files.exists(self._note):
            return None
        found = _parsed(self._files.read(self._note))
        # A crash may have left an empty file: then its batch wasn't committed.
        return Unchecked(**found) if isinstance(found, dict) else None

    def note_unchecked(self, batch: Unchecked) -> None:
        """Note, beside the checkpoint, that a batch is written, and about to be committed and checked."""
        self._files.write(self._note, json.dumps(asdict(batch)))

    def strike_unchecked(self) -> None:
        """The note is void: the batch is checked, or its finding is kept."""
        self._files.delete(self._note)

    def numbers(self, folder: str) -> list[int]:
        """The numbers that files in a folder of it have for names."""
        return self._files.numbers(f"{self.path}/{folder}")

    def text(self, name: str) -> str:
        """What a file of it holds."""
        try:
            return self._files.read(f"{self.path}/{name}")
        except OSError as error:
            raise self._damaged(name, f"can't be read ({error})") from error

    def has(self, name: str) -> bool:
        """True if it has a file of this name."""
        return self._files.exists(f"{self.path}/{name}")

    def object_in(self, name: str) -> dict[str, Any]:
        """Return the JSON object that a file of it holds. Raises UserError if it holds none, or can't be read."""
        found = _parsed(self.text(name))
        if not isinstance(found, dict):
            raise self.damaged(name)
        return found

    def damaged(self, name: str) -> UserError:
        """Return the error for a file of it that doesn't hold what Event Lake wrote there."""
        return self._damaged(name, "isn't what was written")

    def put(self, name: str, text: str) -> None:
        """Have a file of it hold `text`; it's there whole or not at all."""
        self._files.put(f"{self.path}/{name}", text)

    def delete(self, name: str) -> None:
        """Have a file of it no more."""
        self._files.delete(f"{self.path}/{name}")

    def _entry(self, log: str, batch_id: int) -> list[Any]:
        """What one of Spark's logs says of a batch: a JSON value for each line behind the version."""
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
    """The JSON value that `text` is; None where it's none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
