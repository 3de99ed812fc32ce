"""A lease's record as numbered files: whoever comes late, at whatever step, isn't taken for the owner."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from event_lake.errors import ServiceUnavailableError, UserError
from event_lake.lake.lease import Lease
from event_lake.lake.machine import Machine
from event_lake.lake.numbered_records import NumberedRecords
from support.fake_lease import Clock, raising

FOLDER = "hdfs://name/lake/_leases/raw"


@dataclass
class FakeFiles:
    """Files in memory. Each step calls `before`, which may raise an error, or be another process' writes."""

    texts: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    steps: int = 0

    def _step(self) -> None:
        self.steps += 1
        self.before()

    def numbers(self, folder: str) -> list[int]:
        self._step()
        return [int(path.removeprefix(f"{folder}/")) for path in self.texts]

    def read(self, path: str) -> str:
        self._step()
        if path not in self.texts:
            raise OSError("FileNotFoundException")
        return self.texts[path]

    def delete(self, path: str) -> None:
        self._step()
        self.texts.pop(path, None)

    def put(self, path: str, text: str) -> bool:
        self._step()
        return self.texts.setdefault(path, text) is text


def records(files: FakeFiles) -> NumberedRecords:
    return NumberedRecords("hdfs://name/lake", "raw", files, files.put)


def a_machine(host: str, clock: Clock) -> Machine:
    return Machine(host=host, pid_space=host, clock=lambda: clock.now, sleep=clock.sleep)


def test_a_record_is_created_once_and_replaced_only_at_the_version_that_was_read() -> None:
    store = records(FakeFiles())
    assert store.read() is None
    assert store.create(b"1") == "1"
    assert store.create(b"2") is None
    assert store.read() == (b"1", "1")
    assert store.replace("1", b"2") == "2"
    assert store.replace("1", b"3") is None
    assert store.read() == (b"2", "2")


def test_what_was_removed_is_not_replaced() -> None:
    files = FakeFiles()
    assert records(files).replace("7", b"8") is None
    assert files.texts == {}


def test_only_the_newest_file_stays() -> None:
    files = FakeFiles()
    store = records(files)
    store.create(b"1")
    for version in range(1, 9):
        store.replace(str(version), b"x%d" % version)
    assert files.texts == {f"{FOLDER}/9": "x8"}


@pytest.mark.parametrize("renewals", [1, 2, 3])
@pytest.mark.parametrize("step", range(1, 5))
def test_whoever_else_writes_between_two_steps_of_a_write_one_of_both_counts(step: int, renewals: int) -> None:
    files = FakeFiles()
    records(files).create(b"first")
    files.steps, others = 0, ["1"]

    def renew() -> None:
        if files.steps == step:
            files.before = lambda: None
            while len(others) <= renewals and (version := records(files).replace(others[-1], b"other")):
                others.append(version)

    files.before = renew
    ours = records(files).replace("1", b"ours")
    assert files.steps > step
    assert others == (["1"] if ours else ["1", "2", "3", "4"][: renewals + 1])
    assert records(files).read() == ((b"ours", "2") if ours else (b"other", others[-1]))


def test_a_process_that_stood_still_while_its_files_number_was_used_up_leaves_nothing_that_is_read() -> None:
    files = FakeFiles()
    owner = records(files)
    owner.create(b"1")
    files.steps = 0

    def renew_after_the_first_look() -> None:
        if files.steps == 2:
            files.before = lambda: None
            assert [owner.replace(str(version), b"owner") for version in (1, 2, 3)] == ["2", "3", "4"]

    files.before = renew_after_the_first_look
    assert records(files).replace("1", b"late") is None
    assert owner.read() == (b"owner", "4")
    assert owner.replace("4", b"owner") == "5"
    assert files.texts == {f"{FOLDER}/5": "owner"}


def test_a_record_that_is_replaced_while_it_is_read_is_read_anew() -> None:
    files = FakeFiles()
    records(files).create(b"1")
    files.steps = 0

    def replace() -> None:
        if files.steps == 2:
            files.before = lambda: None
            records(files).replace("1", b"2")

    files.before = replace
    assert records(files).read() == (b"2", "2")


@pytest.mark.parametrize("call", [NumberedRecords.read, lambda store: store.create(b"1")])
def test_what_the_file_system_refuses_is_told_in_one_line(call: Callable[[NumberedRecords], object]) -> None:
    files = FakeFiles(before=raising(OSError("ConnectException"), times=3))
    with pytest.raises(ServiceUnavailableError, match=f"lake hdfs://name/lake: {FOLDER}: ConnectException"):
        call(records(files))


def test_what_the_user_must_fix_is_told_with_the_remedy() -> None:
    files = FakeFiles(before=raising(OSError("java.io.IOException: No space left on device")))
    with pytest.raises(UserError, match=f"no space left on the device of {FOLDER}"):
        records(files).create(b"1")


def test_a_lease_is_held_refused_and_taken_over_there_as_elsewhere() -> None:
    files, clock = FakeFiles(), Clock()
    owner, watcher = (Lease(records(files), "ingest_raw", machine=a_machine(host, clock)) for host in ("one", "two"))
    owner.acquire()
    clock.then = lambda: owner.renew() if clock.now == 1021.0 else None
    with pytest.raises(UserError, match="ingest_raw on host one"):
        watcher.acquire()
    clock.then = lambda: None
    watcher.acquire()
    watcher.check()
    with pytest.raises(UserError, match="lost to ingest_raw on host two"):
        owner.check()


def test_a_record_that_is_there_and_cannot_be_read_says_why() -> None:
    class Denied(FakeFiles):
        def read(self, path: str) -> str:
            raise OSError("AccessControlException")

    store = records(Denied({f"{FOLDER}/1": "1"}))
    with pytest.raises(ServiceUnavailableError, match="AccessControlException"):
        store.read()
