"""What `lake.root` may be, and where it lies."""

from pathlib import Path

import pytest

from event_lake.config.lake_root import absolute_root, scheme_of
from event_lake.config.settings import Lake
from event_lake.errors import ConfigError
from event_lake.lake import layout

NO_FOLDER = "no folder; write it like"
NO_SCHEME = "no file system's name stands before the colon"
NO_BUCKET = "names no bucket; write it like"
TWO_NAMES = "would have two names"


@pytest.mark.parametrize(
    "root",
    ["lake", "my lake", "a#b", "100%", "a%20b", "a?b", "a[1]", "größe", "lake:v2/x", "a:b", "a/b:c", "/srv/a:b"],
)
def test_a_root_without_a_scheme_is_a_folder_of_this_machine(root: str) -> None:
    assert (Lake(root=root).root, scheme_of(root)) == (root, None)
    assert absolute_root(root) == str(Path.cwd() / root)


def test_a_local_root_is_resolved_as_hadoop_does_it_without_a_look_at_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/there").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere/there")
    assert absolute_root(f"{tmp_path}/./link/../lake") == f"{tmp_path}/lake"


@pytest.mark.parametrize(
    ("root", "scheme"),
    [
        ("s3://bucket", "s3"),
        ("s3a://bucket/my lake", "s3a"),
        ("hdfs:/lake", "hdfs"),
        ("hdfs:///lake", "hdfs"),
        ("hdfs://name:8020/lake", "hdfs"),
        ("dbfs:/mnt/lake", "dbfs"),
        ("abfss://container@account.dfs.core.windows.net/lake", "abfss"),
        ("gs://bucket/lake", "gs"),
    ],
)
def test_a_root_with_a_scheme_lies_in_its_file_system_however_many_slashes_it_has(root: str, scheme: str) -> None:
    assert (Lake(root=root).root, scheme_of(root)) == (root, scheme)
    assert layout.LEDGER.path(root) == f"{root}/raw/ledger"
    assert layout.checkpoint_path(root, "ingest_raw") == f"{root}/_checkpoints/ingest_raw"


@pytest.mark.parametrize(
    ("root", "problem"),
    [
        ("", NO_FOLDER),
        ("lake/", NO_FOLDER),
        ("/", NO_FOLDER),
        ("a`b", NO_FOLDER),
        (" s3://bucket/lake", NO_FOLDER),
        ("lake ", NO_FOLDER),
        ("file:/lake", NO_FOLDER),
        ("File:///lake", NO_FOLDER),
        ("file:lake", NO_FOLDER),
        # To Hadoop, "name" is a host.
        ("//name/lake", NO_FOLDER),
        ("C:\\lake", "a drive of Windows"),
        ("c:/lake", "a drive of Windows"),
        ("S3://bucket/lake", NO_SCHEME),
        ("s3_a://bucket/lake", NO_SCHEME),
        ("://bucket/lake", NO_SCHEME),
        ("1:/lake", NO_SCHEME),
        ("s3:/bucket/lake", NO_BUCKET),
        ("s3a:///lake", NO_BUCKET),
        ("s3:bucket/lake", NO_BUCKET),
        ("dbfs:mnt/lake", 'write it like "hdfs:/lake"'),
        ("HDFS:lake", 'write it like "hdfs:/lake"'),
        ("s3://bucket//lake", TWO_NAMES),
        ("s3://bucket/./lake", TWO_NAMES),
        ("s3://bucket/a/../lake", TWO_NAMES),
        ("hdfs:/a/..", TWO_NAMES),
    ],
)
def test_a_root_that_could_be_misunderstood_is_refused_in_one_line(root: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Lake(root=root)
    line = str(refused.value)
    assert line.startswith(f"lake.root = {root!r}: ")
    assert problem in line
    assert "\n" not in line
