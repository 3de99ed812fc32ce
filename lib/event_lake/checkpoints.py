"""The checkpoint folder of a streaming query: what Spark keeps in it, and what we say there of its beginning."""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from event_lake.config import parse_instant
from event_lake.errors import UserError
from event_lake.kinesis.offsets import Offset, to_text
from event_lake.raw.resume import Beginning
from event_lake.storage_errors import NEW_CHECKPOINT

_FILE = "event_lake.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Planned:
    """A batch in Spark's offset log: the `clock` that its rows have as `ingested_at`, and its `source`'s own JSON."""

    clock: datetime
    source: Any

    @property
    def offset(self) -> Offset:
        """Where a batch of our own source ends: its position in each shard, and the cut."""
        return Offset.from_json(self.source)

    @property
    def positions(self) -> dict[str, str]:
        """The position of each shard in `offsets.to_text`'s form."""
        return {shard_id: to_text(position) for shard_id, position in self.offset.shards.items()}


class Checkpoint:
    """The folder at `path`. `event_lake.json` in it says what the query began with.

    Everything goes through Hadoop's file systems, as Spark's own does. What can't be read is a UserError.
    """

    def __init__(self, spark: SparkSession, path: str) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 (PySpark has no other way to Hadoop's file systems)
        self.path = path
        self._path = jvm.org.apache.hadoop.fs.Path
        self._io = jvm.org.apache.commons.io.IOUtils
        self._files = self._path(path).getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())  # noqa: SLF001
        self._mark = f"{path}.being-replaced"

    @property
    def newest_batch(self) -> int | None:
        """Spark's number of the last batch that was planned, if any was."""
        return max(self._batches("offsets"), default=None)

    @property
    def has_beginning(self) -> bool:
        """Whether it says what it began with."""
        return bool(self._files.exists(self._path(f"{self.path}/{_FILE}")))

    @property
    def is_being_replaced(self) -> bool:
        """Whether `set_aside` was called, and `end_replacement` wasn't."""
        return bool(self._files.exists(self._path(self._mark)))

    def beginning(self) -> Beginning:
        """What it began with."""
        text = self._text(_FILE)
        try:
            told = json.loads(text)
            window, until = told.pop("dedup_window_seconds"), told.pop("older_until")
            return Beginning(
                **told,
                dedup_window=timedelta(seconds=window),
                older_until=parse_instant(until) if until else None,
            )
        except (ValueError, TypeError, AttributeError, KeyError):
            raise self._damaged(_FILE, "isn't what was written") from None

    def begin(self, beginning: Beginning) -> None:
        """Say what it begins with; the file is there whole or not at all."""
        told = asdict(beginning)
        told["dedup_window_seconds"] = told.pop("dedup_window").total_seconds()
        told["older_until"] = beginning.older_until.isoformat() if beginning.older_until else None
        written, file = f"{self.path}/.{_FILE}", f"{self.path}/{_FILE}"
        self._write(written, json.dumps(told, indent=2))
        self._files.delete(self._path(file), False)  # noqa: FBT003 (Java has no names: not what is in it)
        self._rename(written, file)

    def planned(self, batch_id: int) -> Planned:
        """The batch with Spark's number `batch_id`: one of the last hundred.

        Source: Spark's OffsetSeqLog: a version, the batch's metadata, and a line for each source.
        """
        match self._entry("offsets", batch_id):
            case [{"batchTimestampMs": int(millis)}, source]:
                return Planned(_EPOCH + timedelta(milliseconds=millis), source)
        raise self._damaged(f"offsets/{batch_id}", "isn't what Spark wrote")

    def ends(self, batch_id: int) -> list[Any]:
        """Where the batch ends in each source of a query that has several: their own JSON, None for nothing yet."""
        _, _, *sources = self._text(f"offsets/{batch_id}").split("\n")
        return [_parsed(line) for line in sources]

    def refuse_damaged(self) -> None:
        """Raise UserError unless there is what Spark reads first of a checkpoint with a batch, and it can be read."""
        told = _parsed(self._text("metadata"))
        if not isinstance(told, dict) or "id" not in told:
            # With another id a batch that Spark repeats would be another batch to the tables.
            raise self._damaged("metadata", "isn't what Spark wrote")
        for folder in ("offsets", "commits"):
            for batch_id in sorted(self._batches(folder))[-2:]:
                self._entry(folder, batch_id)

    def set_aside(self) -> None:
        """Put aside what there is of it, beside it; nothing is deleted. `end_replacement` ends what begins here."""
        # A folder in S3 is renamed object by object. Until the mark is gone, what's left of it isn't to be used.
        self._write(self._mark, "")
        if self._files.exists(self._path(self.path)):
            # No colons: Hadoop can't list such names.
            self._rename(self.path, f"{self.path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    def end_replacement(self) -> None:
        """The checkpoint that there is now may be used."""
        self._files.delete(self._path(self._mark), False)  # noqa: FBT003

    def numbers(self, folder: str) -> list[int]:
        """The numbers that files in a folder of it have for names."""
        return self._batches(folder)

    def text(self, name: str) -> str:
        """What a file of it holds."""
        return self._text(name)

    def put(self, name: str, text: str) -> None:
        """Have a file of it that isn't there yet hold `text`; it's there whole or not at all."""
        folder, _, file = name.rpartition("/")
        written = f"{self.path}/{folder}/.{file}"
        self._write(written, text)
        self._rename(written, f"{self.path}/{name}")

    def delete(self, name: str) -> None:
        """Have a file of it no more."""
        self._files.delete(self._path(f"{self.path}/{name}"), False)  # noqa: FBT003

    def _batches(self, folder: str) -> list[int]:
        path = self._path(f"{self.path}/{folder}")
        names = [file.getPath().getName() for file in self._files.listStatus(path)] if self._files.exists(path) else []
        return [int(name) for name in names if name.isdecimal()]

    def _entry(self, log: str, batch_id: int) -> list[Any]:
        """What one of Spark's logs says of a batch: a JSON value for each line behind the version."""
        name = f"{log}/{batch_id}"
        version, *lines = self._text(name).split("\n")
        values = [_parsed(line) for line in lines]
        if not re.fullmatch("v[0-9]+", version) or not values or None in values:
            raise self._damaged(name, "isn't what Spark wrote")
        return values

    def _text(self, name: str) -> str:
        try:
            stream = self._files.open(self._path(f"{self.path}/{name}"))
            try:
                return str(self._io.toString(stream, "UTF-8"))
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise self._damaged(name, f"can't be read ({error.java_exception.getClass().getSimpleName()})") from error

    def _write(self, path: str, text: str) -> None:
        stream = self._files.create(self._path(path), True)  # noqa: FBT003 (in place of what a crash left)
        try:
            self._io.write(text, stream, "UTF-8")
        finally:
            stream.close()

    def _rename(self, path: str, new_path: str) -> None:
        if not self._files.rename(self._path(path), self._path(new_path)):
            raise OSError(f"{path} can't be renamed to {new_path}")

    def _damaged(self, name: str, problem: str) -> UserError:
        return UserError(f"checkpoint {self.path}: {name} {problem}; {NEW_CHECKPOINT}")


def _parsed(text: str) -> Any:
    """The JSON value that `text` is; None where it's none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
