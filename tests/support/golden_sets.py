"""Pack and unpack golden sets. Each is an archive with a lake that older code wrote, and the stream that it read."""

import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from support.fake_shards import FakeShards

FOLDER = Path(__file__).parents[1] / "golden"
SHARDS = ("shardId-000000000000", "shardId-000000000001")
SETTINGS = "settings.toml"
STREAM = "stream.json"


@dataclass(frozen=True)
class Record:
    """A record of a shard. It `arrives` so many seconds after the stream's beginning."""

    shard: str
    arrives: float
    data: bytes


@dataclass(frozen=True)
class GoldenSet:
    """An unpacked archive. `folder` holds `lake`, `contracts`, `settings.toml`, and the `records` in `stream.json`."""

    folder: Path
    records: Sequence[Record]

    def settings(self, url: str) -> Settings:
        """Return the settings with which the lake was written, and is to be continued, for the stream at `url`."""
        paths = {"lake.root": "lake", "staging.contracts": "contracts"}
        overrides = [f"{key}={self.folder / name}" for key, name in paths.items()]
        return load_settings(str(self.folder / SETTINGS), [*overrides, f"source.endpoint_url={url}"])


def shards_of(records: Sequence[Record]) -> FakeShards:
    """Return the stream with these records, 100 seconds after the last one arrived."""
    shards = FakeShards(*SHARDS, clock=max(record.arrives for record in records) + 100)
    for record in records:
        shards.put(record.shard, record.arrives, data=record.data)
    return shards


def pack(golden: GoldenSet, archive: Path) -> None:
    """Write the set into `archive`, with its files in the order of their names, and without owners or times."""
    rows = [{**vars(record), "data": record.data.decode("utf-8", "surrogateescape")} for record in golden.records]
    lines = ",\n".join(map(json.dumps, rows))
    (golden.folder / STREAM).write_text(f"[\n{lines}\n]\n")
    with tarfile.open(archive, "w:xz") as packed:
        for file in sorted(golden.folder.rglob("*")):
            member = tarfile.TarInfo(str(file.relative_to(golden.folder)))
            member.type = tarfile.DIRTYPE if file.is_dir() else tarfile.REGTYPE
            member.mode = 0o755 if file.is_dir() else 0o644
            member.size = 0 if file.is_dir() else file.stat().st_size
            if file.is_dir():
                packed.addfile(member)
            else:
                with file.open("rb") as content:
                    packed.addfile(member, content)


def unpack(archive: Path, folder: Path) -> GoldenSet:
    """Unpack `archive` into `folder`, and return the set. Its files get the time of now.

    Delta goes by the age of files, and would take those of months ago for expired.
    """
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter=lambda member, path: _without_time(tarfile.data_filter(member, path)))
    rows = json.loads((folder / STREAM).read_text())
    return GoldenSet(
        folder, [Record(**{**row, "data": row["data"].encode("utf-8", "surrogateescape")}) for row in rows]
    )


def _without_time(member: tarfile.TarInfo) -> tarfile.TarInfo:
    # The documentation of `replace` allows None, its type hints don't.
    return member.replace(mtime=None, deep=False)  # type: ignore[arg-type]
