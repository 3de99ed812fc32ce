"""All jobs on a lake in S3, as a user runs them: through Spark's s3a://, with the lease in the same bucket."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from event_lake.errors import UserError
from support.counted_s3 import CountedS3, counted_s3
from support.emulators import Stream
from support.killing import assert_runs, kill
from support.readers import by_delta_rs, by_duckdb
from support.sent import an_event

pytestmark = pytest.mark.s3

ROOT = "s3a://lakes/my/lake"
TWO = ("--set", "lake.root=s3a://lakes/two/lake")


@pytest.fixture(scope="module")
def s3() -> Iterator[CountedS3]:
    with counted_s3() as server:
        server.make_bucket("lakes")
        yield server


@dataclass(frozen=True)
class Jobs:
    """The jobs that read `stream` into the lake at `ROOT`; their logs go to `folder`.

    One type has a typed table. One threshold is checked, which holds.
    """

    s3: CountedS3
    stream: Stream
    folder: Path

    def start(self, name: str, *flags: str) -> subprocess.Popen[str]:
        """Start a job: batches have up to 500 records, and all but five types are in one partition."""
        (self.folder / "lesson.toml").write_bytes(Path("conf/contracts/lesson.toml").read_bytes())
        thresholds = self.folder / "quality" / "thresholds.toml"
        thresholds.parent.mkdir(exist_ok=True)
        thresholds.write_text('[[rules]]\nmeasure = "duplicates"\nmax = 1\n')
        values = {
            "source.max_batch_records": 500,
            # So that there are few partitions, and not many files to wait for.
            "raw.max_event_types": 5,
            "staging.contracts": self.folder,
            "quality.thresholds": thresholds,
        }
        own = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
        overrides = [*self.stream.overrides(ROOT), *self.s3.flags(), *own]
        command = [sys.executable, f"jobs/{name}.py", "--config", "conf/local.toml", *overrides, *flags]
        with (self.folder / f"{name}.log").open("a") as log:
            return subprocess.Popen(command, env=self.s3.environment(), stdout=subprocess.PIPE, stderr=log, text=True)

    def run(self, name: str, *flags: str) -> str:
        """Run a job, which must succeed, and return the last line that it prints."""
        job = self.start(name, *flags)
        out, _ = job.communicate()
        assert job.returncode == 0, (self.folder / f"{name}.log").read_text("utf-8")
        return out.splitlines()[-1]

    def generate(self, first: int, count: int) -> dict[str, Any]:
        """Put events on the stream, and return what the lake must make of them."""
        truth = self.folder / "truth.json"
        began = (datetime.now(UTC) - timedelta(seconds=10)).isoformat(timespec="milliseconds")
        started = self.folder / "started"
        if not started.exists():
            started.write_text(began)
        flags = ["--started-at", started.read_text(), "--first", str(first), "--count", str(count)]
        self.run("generate_events", *flags, "--truth", str(truth))
        outcome: dict[str, Any] = json.loads(truth.read_text())
        return outcome


def test_every_record_is_accounted_for_in_s3_after_a_restart_and_a_kill_between_two_commits(
    s3: CountedS3, stream: Stream, tmp_path: Path
) -> None:
    jobs = Jobs(s3, stream, tmp_path)
    truths = [jobs.generate(0, 900)]
    assert jobs.run("ingest_raw", "--until-caught-up") == _line_of(truths[0])
    assert set(_asked_of_raw_files(s3).values()) == {("PUT",)}
    truths.append(jobs.generate(900, 300))
    with s3.holding("my/lake/raw/ledger/_delta_log/", at_last=False) as is_held:
        killed = jobs.start("ingest_raw", "--until-caught-up")
        while not is_held():
            assert_runs(killed, tmp_path / "ingest_raw.log")
        kill(killed)
    # Of this batch, raw/events and raw/quarantine have their rows, and the ledger has none.
    assert by_delta_rs(f"{ROOT}/raw/events", s3.endpoint).num_rows == sum(truth["raw"] for truth in truths)
    assert sum(_column(s3, "raw/ledger", "raw")) == truths[0]["raw"]
    assert jobs.run("ingest_raw", "--until-caught-up") == _line_of(truths[1])

    raw, quarantined = (sum(counts) for counts in zip(*map(_raw_and_quarantined, truths), strict=True))
    staged = f"{raw:,} events from raw: {raw:,} inserted, 0 replaced, 0 conflicts, 0 duplicates"
    before = len(s3.requests())
    assert jobs.run("build_staging") == staged
    assert {kinds.count("HEAD") for kinds in _asked_of_raw_files(s3, before).values()} <= {0, 1}
    assert jobs.run("check_quality").endswith("all keep to them")
    jobs.run("reconcile")
    report = tmp_path / "report.html"
    jobs.run("quality_report", "--out", str(report))
    assert report.exists()

    rows = {"raw/events": raw, "staging/events": raw, "raw/quarantine": quarantined, "staging/conflicts": 0}
    for name, expected in rows.items():
        for read in (by_delta_rs, by_duckdb):
            assert read(f"{ROOT}/{name}", s3.endpoint).num_rows == expected
    reasons = Counter(" + ".join(reasons) for reasons in _column(s3, "raw/quarantine", "reasons"))
    assert reasons == sum((Counter(truth["quarantined"]) for truth in truths), Counter())


def test_of_two_drivers_on_a_lake_in_s3_the_second_is_refused_and_the_first_stops_when_asked(
    s3: CountedS3, stream: Stream, tmp_path: Path
) -> None:
    jobs = Jobs(s3, stream, tmp_path)
    stream.put(an_event(created_at=int(stream.client().now().timestamp())))
    first = jobs.start("ingest_raw", *TWO)
    try:
        while not any(r.kind == "PUT" and r.key.startswith("two/lake/raw/ledger/_delta_log/") for r in s3.requests()):
            assert_runs(first, tmp_path / "ingest_raw.log")
        second = jobs.start("ingest_raw", *TWO)
        assert second.wait() == UserError.exit_code
        told = (tmp_path / "ingest_raw.log").read_text("utf-8")
        assert f"lake s3a://lakes/two/lake: ingest_raw on host {gethostname()}, pid {first.pid}" in told
        ask = [sys.executable, "-m", "event_lake", "stop", "--config", "conf/local.toml", *TWO]
        assert subprocess.run(ask, env=s3.environment(), check=False).returncode == 0
        out, _ = first.communicate()
        assert (first.returncode, out.count("; asked to stop by ")) == (0, 1)
    finally:
        kill(first)


@pytest.mark.parametrize(
    ("name", "left"),
    [("eventlake.s3.ConditionalLogStore", [1, 2, 3]), pytest.param(None, [1, 3], marks=pytest.mark.faults)],
)
def test_of_two_drivers_that_commit_at_once_without_a_lease_s3_keeps_both(
    s3: CountedS3, name: str | None, left: list[int]
) -> None:
    """Each row is one driver's. Delta's own log store loses the second driver's commit: the first one overwrites it."""
    path = f"s3a://lakes/at-once-{len(left)}"
    append(s3, path, 1, log_store=name).wait()
    with s3.holding(f"at-once-{len(left)}/_delta_log/00000000000000000001.json", at_last=True) as is_held:
        first = append(s3, path, 3, log_store=name)
        while not is_held():
            assert first.poll() is None
        assert append(s3, path, 2, log_store=name).wait() == 0
    assert first.wait() == 0
    assert sorted(by_delta_rs(path, s3.endpoint).column("number").to_pylist()) == left


def append(s3: CountedS3, path: str, number: int, *, log_store: str | None) -> subprocess.Popen[bytes]:
    """Append a row to a table by a driver of its own, without a lease."""
    command = [sys.executable, "-m", "support.appending", path, str(number), s3.endpoint, log_store or ""]
    paths = os.pathsep.join(str(Path(folder).resolve()) for folder in ("lib", "tests"))
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.DEVNULL)


def test_a_commit_and_an_offset_whose_answers_are_lost_are_the_writers_own(
    s3: CountedS3, stream: Stream, tmp_path: Path
) -> None:
    stream.put(an_event(created_at=int(stream.client().now().timestamp())))
    written = (
        "lost/lake/_checkpoints/ingest_raw/offsets/",
        "lost/lake/raw/events/_delta_log/00000000000000000001.json",
    )
    with s3.losing(*written) as how_many_are_due:
        line = Jobs(s3, stream, tmp_path).run(
            "ingest_raw", "--until-caught-up", "--set", "lake.root=s3a://lakes/lost/lake"
        )
        assert how_many_are_due() == 0
    assert line == "1 records read = 1 raw + 0 duplicates + 0 quarantined"
    assert by_delta_rs("s3a://lakes/lost/lake/raw/events", s3.endpoint).num_rows == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--set", "lake.root=s3a://no-such-bucket/lake"], "lake s3a://no-such-bucket/lake: GetObject"),
        (["--set", "lake.root=s3://lakes/lake"], "Spark can't use this file system"),
    ],
)
def test_a_bucket_or_a_scheme_that_is_not_there_is_one_line(
    s3: CountedS3, stream: Stream, tmp_path: Path, flags: list[str], told: str
) -> None:
    assert told in _refusal(Jobs(s3, stream, tmp_path), "ingest_raw", *flags)


def test_a_lake_that_the_credentials_do_not_allow_is_one_line(s3: CountedS3, stream: Stream, tmp_path: Path) -> None:
    jobs = Jobs(s3, stream, tmp_path)
    denied = ("--set", "lake.root=s3a://lakes/denied")
    with s3.refusing("denied/", "403 Forbidden"):
        line = _refusal(jobs, "ingest_raw", *denied)
        assert "AccessDenied" in line
        assert "allow s3:GetObject and s3:PutObject on arn:aws:s3:::lakes/denied/_leases/raw.json" in line
        # This job takes no lease, so Spark is the first to be refused.
        assert "s3a://lakes/denied" in _refusal(jobs, "reconcile", *denied)


def test_a_bucket_in_another_region_is_one_line(s3: CountedS3, stream: Stream, tmp_path: Path) -> None:
    jobs = Jobs(s3, stream, tmp_path)
    elsewhere = ("--set", "lake.root=s3a://lakes/elsewhere")
    with s3.refusing("elsewhere/", "301 Moved Permanently"):
        line = _refusal(jobs, "ingest_raw", *elsewhere)
        assert "PermanentRedirect" in line
        assert line.endswith("; the bucket is in another region: name that one by AWS_DEFAULT_REGION")
        assert "AWSRedirectException" in _refusal(jobs, "reconcile", *elsewhere)


def _refusal(jobs: Jobs, name: str, *flags: str) -> str:
    """Run a job that a user must fix, and return the one line that it says of it."""
    job = jobs.start(name, *flags)
    assert job.wait() == UserError.exit_code, (jobs.folder / f"{name}.log").read_text("utf-8")
    lines = (jobs.folder / f"{name}.log").read_text("utf-8").splitlines()
    assert not any(line.startswith("Traceback") for line in lines)
    assert lines[-1].startswith(f"{name}.py: ")
    return lines[-1]


def _asked_of_raw_files(s3: CountedS3, since: int = 0) -> dict[str, tuple[str, ...]]:
    """The kinds of requests, without the first `since`, by the data file of raw/events that they were for."""
    asked: dict[str, tuple[str, ...]] = {}
    for request in s3.requests(since):
        # Hadoop lists a file's name with a / to see if it's a folder.
        key = request.key.rstrip("/")
        if key.startswith("my/lake/raw/events/date=") and key.endswith(".parquet"):
            asked[key] = (*asked.get(key, ()), request.kind)
    return asked


def _line_of(truth: dict[str, Any]) -> str:
    raw, quarantined = _raw_and_quarantined(truth)
    counts = f"{raw:,} raw + {truth['duplicates']:,} duplicates + {quarantined:,} quarantined"
    return f"{truth['records']:,} records read = {counts}"


def _raw_and_quarantined(truth: dict[str, Any]) -> tuple[int, int]:
    return truth["raw"], sum(truth["quarantined"].values())


def _column(s3: CountedS3, name: str, column: str) -> list[Any]:
    return list(by_delta_rs(f"{ROOT}/{name}", s3.endpoint).column(column).to_pylist())
