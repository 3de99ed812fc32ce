"""The tables and views of a lake in a real Hive metastore, where other sessions find them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from event_lake.lake import layout, views
from event_lake.lake.descriptions import describe

pytestmark = pytest.mark.faults


def hive_session(folder: Path, step: str) -> Any:
    path = os.pathsep.join(str(Path(name).absolute()) for name in ("lib", "tests"))
    done = subprocess.run(
        [sys.executable, "-m", "support.hive_catalog", str(folder), step],
        env=os.environ | {"PYTHONPATH": path, "SPARK_CONF_DIR": "tools/spark"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_another_session_finds_tables_views_and_comments_that_were_registered_once(tmp_path: Path) -> None:
    staged = hive_session(tmp_path, "stage")
    found = hive_session(tmp_path, "look")["tables"]
    assert found == staged["tables"]
    assert staged["commits"][1] == staged["commits"][0]
    described = {one.name: one for one in map(describe, (*layout.RAW, *layout.STAGING))}
    shown = {view.name: view for view in (*views.RAW, *views.STAGING)}
    assert set(found) == {*described, *shown}
    for name, one in described.items():
        assert found[name]["Location"] == f"file:{one.table.path(str(tmp_path / 'lake'))}"
        assert (found[name]["Type"], found[name]["Comment"]) == ("EXTERNAL", one.comment)
        assert found[name]["comments"] == {field: one.comments[field] for field in one.table.schema.names}
    for name, view in shown.items():
        assert (found[name]["Type"], found[name]["Comment"]) == ("VIEW", view.comment)
        assert found[name]["comments"] == dict(view.comments)
    rows = {name: one["rows"] for name, one in found.items()}
    assert (rows["raw_events"], rows["staging_events"], rows["staging_conflicts"], rows["events_latest"]) == (
        3,
        2,
        1,
        2,
    )
