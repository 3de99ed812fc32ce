"""A golden set: a lake that older code wrote, with the stream that it was read from, in one archive."""

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
    """What was put into a shard, so many seconds after the stream's beginning."""

    shard: str
    arrives: float
    data: bytes


@dataclass(frozen=True)
class GoldenSet:
    """An unpacked archive: the folder `lake`, `settings.toml`, `contracts`, and the records of `stream.json`."""

    folder: Path
    records: Sequence[Record]

    def settings(self, url: str) -> Settings:
        """What the lake was written with, and is to be gone on with, over the stream at `url`."""
        places = {"lake.root": "lake", "staging.contracts": "contracts"}
        told = [f"{key}={self.folder / name}" for key, name in places.items()]
        return load_settings(str(self.folder / SETTINGS), [*told, f"source.endpoint_url={url}"])


def shards_of(records: Sequence[Record]) -> FakeShards:
    """The stream a while after its last record arrived."""
    shards = FakeShards(*SHARDS, clock=max(record.arrives for record in records) + 100)
    for record in records:
        shards.put(record.shard, record.arrives, data=record.data)
    return shards


def pack(golden: GoldenSet, archive: Path) -> None:
    """Write the set into `archive`, in the order of its files' names and without anything of who made it when."""
    told = [{**vars(record), "data": record.data.decode("utf-8", "surrogateescape")} for record in golden.records]
    lines = ",\n".join(map(json.dumps, told))
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
    """The set in `archive`, laid out in `folder`. Its files are as old as their unpacking.

    Delta goes by their age, and would take files of months ago for expired.
    """
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter=lambda member, path: _ageless(tarfile.data_filter(member, path)))
    told = json.loads((folder / STREAM).read_text())
    return GoldenSet(
        folder, [Record(**{**row, "data": row["data"].encode("utf-8", "surrogateescape")}) for row in told]
    )


def _ageless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(mtime=None, deep=False)  # type: ignore[arg-type]  # as its documentation has it
