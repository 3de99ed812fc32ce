"""A request to stop, in the record of the lease of the job that it's addressed to; see test_lease_interleavings."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from event_lake.config.settings import Lake, Settings, Source
from event_lake.errors import ConfigError, ServiceUnavailableError, UserError
from event_lake.lake.lease import Lease
from event_lake.lake.stopping import StopRequest, StopResult, open_request
from support.fake_lease import OUTAGE, Clock, FakeStore, a_machine, acquired, raising

PATIENT = timedelta(minutes=10)


def a_request(store: FakeStore, clock: Clock, *, by: str = "alice on laptop", host: str = "two") -> StopRequest:
    return StopRequest(store, by=by, machine=a_machine(clock, host=host, pid=9))


def asked(store: FakeStore, clock: Clock, timeout: timedelta = PATIENT, **request: str) -> StopResult:
    request_ = a_request(store, clock, **request)
    request_.ask()
    return request_.await_end(timeout)


def living(owner: Lease, clock: Clock, *, until: Callable[[], bool] = lambda: False) -> Callable[[], None]:
    """Renews every 20 s; once it's asked to stop and `until` is met, it releases its lease."""
    last = [clock.now]

    def passes() -> None:
        if owner.over is None and clock.now - last[0] >= 20:
            last[0] = clock.now
            owner.renew()
            if owner.stop_asked_by and until():
                owner.release()

    return passes


def test_a_running_job_learns_within_20_s_who_asked_and_its_release_is_the_end() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    clock.then = living(owner, clock, until=lambda: clock.now > 1050)
    result = asked(store, clock)
    assert owner.stop_asked_by.startswith("alice on laptop at 20")
    assert result.was_running
    since, ended = store.fields["acquired_at"], store.fields["renewed_at"]
    assert str(result) == f"ingest_raw on host one, pid 7, since {since} ended at {ended}"


def test_a_request_costs_a_read_and_a_write_more_and_the_lease_stays_its_owners() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    a_request(store, clock).ask()
    assert store.writes == 2
    assert owner.stop_asked_by == ""
    owner.renew()
    assert (store.writes, owner.stop_asked_by, store.fields["stop_asked_by"]) == (3, *[owner.stop_asked_by] * 2)
    assert owner.stop_asked_by != ""
    owner.renew()
    owner.check()
    assert store.fields["stop_asked_by"] == owner.stop_asked_by


def test_a_job_that_is_asked_while_it_ends_releases_its_lease_all_the_same() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    a_request(store, clock).ask()
    owner.release()
    assert store.fields["released"]
    acquired(store, clock, host="two").check()
    assert clock.slept == []


def test_a_job_that_has_ended_is_not_asked_and_its_record_stays_as_it_is() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock).release()
    before = store.record
    result = asked(store, clock)
    assert (store.record, clock.slept, result.was_running) == (before, [], False)
    assert str(result).endswith(f" was not running: it ended at {store.fields['renewed_at']}")


def test_a_dead_process_of_this_machine_is_not_asked() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock, pid=6)
    before = store.record
    result = asked(store, clock, host="one")
    assert (store.record, clock.slept, result.was_running) == (before, [], False)
    assert "it ended without releasing its lease: its process is gone" in str(result)


def test_a_job_that_gives_no_sign_of_life_is_not_running_and_the_request_is_taken_back() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock)
    assert store.record
    before = store.record[0]
    result = asked(store, clock)
    assert 75.0 < sum(clock.slept) <= 78.0
    assert str(result).endswith(" was not running: it has given no sign of life for 75 s")
    assert store.record[0] == before


def test_a_job_that_dies_once_it_was_asked_has_ended_and_stops_no_later_run() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    dies_at = clock.now + 50
    renews = living(owner, clock)
    clock.then = lambda: renews() if clock.now < dies_at else None
    result = asked(store, clock)
    assert result.was_running
    assert "has given no sign of life for 75 s" in str(result)
    assert acquired(store, clock, host="three").stop_asked_by == ""
    assert store.fields["stop_asked_by"] == ""


def test_who_watches_a_silent_owner_is_not_put_off_by_a_request_to_it() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock)

    def passes() -> None:
        if clock.now == 1030.0:
            a_request(store, clock).ask()

    clock.then = passes
    watcher = acquired(store, clock, host="three")
    watcher.check()
    assert 75.0 < clock.now - 1000.0 <= 78.0
    assert watcher.stop_asked_by == store.fields["stop_asked_by"] == ""


def test_a_job_whose_lease_went_to_another_has_ended_and_the_other_was_not_asked() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    next_owner: list[Lease] = []

    def passes() -> None:
        if clock.now == 1021.0:
            owner.renew()
            owner.release()
            next_owner.append(acquired(store, clock, host="three"))

    clock.then = passes
    result = asked(store, clock)
    assert "ended; its lease went to ingest_raw on host three, pid 7, since" in str(result)
    next_owner[0].renew()
    assert next_owner[0].stop_asked_by == ""


def test_a_second_request_waits_for_the_same_end_and_the_first_is_the_one_that_is_told() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    a_request(store, clock).ask()
    writes = store.writes
    clock.then = living(owner, clock, until=lambda: True)
    assert asked(store, clock, by="bob on desk").was_running
    assert owner.stop_asked_by.startswith("alice on laptop")
    assert writes == 2


def test_a_job_that_goes_on_for_too_long_is_told_and_the_request_stands() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    clock.then = living(owner, clock)
    with pytest.raises(ServiceUnavailableError, match=r"was asked to stop, and goes on after 0:10:00: .* ask again"):
        asked(store, clock)
    assert 600.0 <= sum(clock.slept) <= 603.0
    assert store.fields["stop_asked_by"] == owner.stop_asked_by != ""


def test_a_short_timeout_still_tells_a_job_that_is_not_running_from_one_that_goes_on() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    assert not asked(store, clock, timeout=timedelta(seconds=1)).was_running
    clock.then = living(owner, clock)
    begun = clock.now
    with pytest.raises(ServiceUnavailableError, match="goes on after 0:00:01"):
        asked(store, clock, timeout=timedelta(seconds=1))
    assert clock.now - begun <= 23


class RepeatingStore(FakeStore):
    """A store whose client repeats a first replacement, as its answer was lost: then it's told of a faster one."""

    def replace(self, version: str, content: bytes) -> str | None:
        written = super().replace(version, content)
        return None if self.writes == 2 else written


def test_a_request_that_took_effect_unseen_is_taken_back_as_well() -> None:
    store, clock = RepeatingStore(), Clock()
    acquired(store, clock)
    assert store.record
    before = store.record[0]
    assert not asked(store, clock).was_running
    assert store.record[0] == before


def test_a_lake_that_no_job_has_written_is_the_users_to_put_right() -> None:
    store = FakeStore()
    with pytest.raises(UserError, match=r"lake there: no job has ever written this layer; check lake[.]root"):
        a_request(store, Clock()).ask()
    assert store.record is None


def test_what_is_no_record_is_left_alone() -> None:
    store = FakeStore(record=(b'{"job"', "0"))
    with pytest.raises(UserError, match="lake there: its lease can't be read; stop the job where it runs"):
        a_request(store, Clock()).ask()
    assert store.record == (b'{"job"', "0")


def test_an_owner_that_renews_at_that_moment_is_asked_at_the_next_attempt() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)

    def renews() -> None:
        store.before = lambda: None
        owner.renew()

    store.before = renews
    a_request(store, clock).ask()
    owner.renew()
    assert owner.stop_asked_by != ""


def test_an_outage_of_the_storage_is_raised() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock)
    store.before = raising(OUTAGE)
    with pytest.raises(ServiceUnavailableError, match="timeout"):
        a_request(store, clock).ask()


def test_a_request_keeps_what_a_later_version_has_in_its_record_and_an_earlier_version_had_no_request() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    assert store.record
    content, version = store.record
    assert content.endswith(b'"stop_asked_by": ""\n}')
    older = content.replace(b',\n "stop_asked_by": ""', b"")
    store.record = older.replace(b"{", b'{"later": 1,', 1), version
    a_request(store, clock).ask()
    assert store.fields["later"] == 1
    owner.renew()
    assert owner.stop_asked_by != ""


@pytest.mark.parametrize(
    ("root", "layer", "error", "message"),
    [
        ("lake", "row", ConfigError, "no layer 'row': jobs write the layers raw and staging"),
        (
            "hdfs://name/lake",
            "raw",
            UserError,
            "lake hdfs://name/lake: no lease of it can be reached without Spark, so its",
        ),
    ],
)
def test_a_request_that_cannot_be_made_is_the_users_to_put_right(
    root: str, layer: str, error: type[UserError], message: str
) -> None:
    with pytest.raises(error) as refused:
        open_request(Settings(source=Source(stream="events"), lake=Lake(root=root)), layer)
    assert str(refused.value).startswith(message)


def test_a_request_to_a_lake_that_is_not_there_makes_no_folder(tmp_path: Path) -> None:
    settings = Settings(source=Source(stream="events"), lake=Lake(root=str(tmp_path / "lake")))
    with pytest.raises(UserError, match="no job has ever written this layer"):
        open_request(settings, "raw").ask()
    assert list(tmp_path.iterdir()) == []
