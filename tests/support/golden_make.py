"""Make the golden sets of the format that this code writes, with `make golden FORMAT=2`.

tests/golden/README.md says when to do that, and what the sets hold.
"""

import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from getpass import getuser
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from event_lake.config.files import load_settings
from event_lake.lake.session import spark_session
from event_lake.raw.ingest import IngestOptions, ingest_raw
from event_lake.staging.build import build_staging
from support.fake_shards import T0
from support.faulty_kinesis import serve
from support.golden_sets import FOLDER, SETTINGS, SHARDS, GoldenSet, Record, pack, shards_of

# These are all the settings that a checkpoint must be continued with, so that new defaults don't matter. The window is
# so long that the state store still knows the events whenever somebody runs the tests.
SETTINGS_TEXT = """\
[source]
stream = "events"
region = "us-east-1"
connector = "event_lake"
start_from = "earliest"
max_batch_seconds = 60

[raw]
dedup_window = "20000 days"
dedup_on = "event_uuid+payload"
max_event_types = 3

[staging]
keep = "first"

[quality]
measure = true

[spark]
"spark.sql.shuffle.partitions" = "4"
"""
CONTRACT = """\
event_type = "lesson"
description = "A lesson that somebody took."

[columns.score]
type = "int"
required = true
minimum = 0

[columns.device]
type = "string"
path = "device.os"
"""
# With these settings the state has snapshots besides its changes, like that of a lake that lives for hours.
STATE_FILES = {
    "spark.sql.streaming.stateStore.maintenanceInterval": "1s",
    "spark.sql.streaming.stateStore.minDeltasForSnapshot": "1",
}
A, B = SHARDS
NOT_EVENTS = (b"no JSON", b'{"event_uuid":"x"}', b'{"event_uuid":"y"} {}', b"\xff\xfe")


class KilledError(Exception):
    """An error in place of a kill: with it Spark ends the query in the middle of a batch."""


def event(uuid: str, event_type: str, **payload: object) -> bytes:
    """Return an event that was created a minute before the stream's beginning."""
    created = int((T0 - timedelta(minutes=1)).timestamp())
    fields = {"event_uuid": uuid, "event_name": f"{event_type}:done", "created_at": created, **payload}
    return json.dumps(fields, ensure_ascii=False).encode()


def minute(begin: float, name: str) -> list[Record]:
    """Return the records of a minute that begins `begin` seconds after the stream's beginning.

    They are nine events of five types, of which one breaks its contract; two copies of these; two events with a known
    event_uuid and another payload; and four records that are no events.
    """
    types = ("lesson", "page_view", "payment", "lesson", "search", "account", "page_view", "search")
    events = [event(f"{name}-{n}", kind, score=n, device={"os": "é"}) for n, kind in enumerate(types)]
    broken = event(f"{name}-broken", "lesson", score="none")
    other = event(f"{name}-0", "lesson", score=100)
    sent = [(A, data) for data in events[:5]] + [(B, data) for data in events[5:]]
    sent += [(A, broken), (B, other), (A, events[1]), (B, events[2]), (A, event("first-3", "lesson", late=name))]
    sent += [(A, NOT_EVENTS[0]), (B, NOT_EVENTS[1]), (B, NOT_EVENTS[2]), (A, NOT_EVENTS[3])]
    return [Record(shard, begin + n, data) for n, (shard, data) in enumerate(sent)]


def staged() -> list[Record]:
    """Return records for several batches, with copies of earlier batches' events in later ones."""
    minutes = [record for n in range(5) for record in minute(100 + 70 * n, ("first", *"bcde")[n])]
    return [*minutes, Record(B, 460, minutes[0].data), Record(A, 461, minutes[6].data)]


def unread() -> list[Record]:
    """Return the records of a batch that is in raw, but that build_staging hasn't taken."""
    return [*minute(2_000, "unread"), Record(B, 2_020, staged()[0].data)]


def half_written() -> list[Record]:
    """Return the records of a batch that is in raw/events, but not in quarantine and ledger."""
    return [*minute(4_000, "half"), Record(A, 4_020, unread()[0].data), Record(B, 4_021, staged()[1].data)]


def killed_after_raw() -> None:
    """Raise KilledError before quarantine is written; to be given as the `check` before each write.

    The job writes quarantine beside raw/events, in a thread of its own.
    """
    if threading.current_thread().name.startswith("ThreadPoolExecutor"):
        raise KilledError


def ingest(spark: SparkSession, golden: GoldenSet, check: Callable[[], None] = lambda: None) -> None:
    """Run ingest_raw until it has read what the set's stream holds."""
    with serve(shards_of(golden.records)) as kinesis:
        ingest_raw(spark, golden.settings(kinesis.url), IngestOptions(until_caught_up=True), check=check)


def sets_in(folder: Path, spark: SparkSession) -> dict[str, GoldenSet]:
    """Make the sets, each in a folder of its own below `folder`, and return them by name."""
    lake = folder / "lake"
    (lake / "contracts").mkdir(parents=True)
    (lake / SETTINGS).write_text(SETTINGS_TEXT)
    (lake / "contracts/lesson.toml").write_text(CONTRACT)
    first = GoldenSet(lake, staged())
    ingest(spark, first)
    build_staging(spark, first.settings("http://127.0.0.1:1"))
    whole = GoldenSet(lake, [*first.records, *unread()])
    ingest(spark, whole)
    killed = GoldenSet(folder / "killed", [*whole.records, *half_written()])
    shutil.copytree(whole.folder, killed.folder)
    with suppress(StreamingQueryException):
        ingest(spark, killed, killed_after_raw)
    return {"lake": whole, "killed": killed}


def names_of_here(folder: Path) -> Sequence[bytes]:
    """Return the names that must not be in the archives: those of this machine, its user and its folders."""
    names = {socket.gethostname(), getuser(), str(Path.cwd()), str(folder), str(Path.home())}
    return sorted(name.encode() for name in names - {"localhost", "root", "/root", "/"})


def refuse_names(golden: GoldenSet, names: Sequence[bytes]) -> None:
    """Raise SystemExit if a file of the set holds one of the names."""
    for file in golden.folder.rglob("*"):
        for name in names:
            if file.is_file() and name in file.read_bytes():
                raise SystemExit(f"make golden: {file} holds {name.decode()!r}")


def main(number: str) -> None:
    """Write the archives of the format with this number."""
    archives = {kind: FOLDER / f"{kind}-{number}.tar.xz" for kind in ("lake", "killed")}
    if not number.isdecimal() or any(archive.exists() for archive in archives.values()):
        raise SystemExit(f"make golden: FORMAT={number}: give the next number; a set is never made again")
    if socket.gethostname() != "localhost":
        raise SystemExit("make golden: RocksDB writes the machine's name into the state; run it as make golden does")
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = {**load_settings("conf/local.toml").spark, **STATE_FILES, "spark.sql.warehouse.dir": name}
        with spark_session("golden", settings) as spark:
            golden_sets = sets_in(folder / "sets", spark)
        for kind, golden in golden_sets.items():
            refuse_names(golden, names_of_here(folder))
            pack(golden, archives[kind])
            print(f"{archives[kind]}: {archives[kind].stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
