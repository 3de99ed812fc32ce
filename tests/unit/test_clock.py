from datetime import UTC, datetime, timedelta

from event_lake.kinesis.api.clock import Clock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Monotonic:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def an_http_date(time: datetime) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT")


def answer_at(clock: Clock, time: datetime) -> None:
    """An answer's date: the fraction of a second is cut off."""
    clock.note(an_http_date(time))


def test_a_clock_is_slow_by_less_than_a_second_and_never_fast() -> None:
    monotonic = Monotonic()
    clock = Clock(monotonic)
    assert not clock.is_set
    answer_at(clock, NOON + timedelta(seconds=0.9))
    assert clock.is_set
    assert clock.now() == NOON


def test_of_many_answers_the_nearest_counts() -> None:
    monotonic = Monotonic()
    clock = Clock(monotonic)
    for fraction in (0.9, 0.1, 0.5):
        monotonic.seconds = 100 + fraction
        answer_at(clock, NOON + timedelta(seconds=fraction))
    assert clock.now() == NOON + timedelta(seconds=0.4)


def test_an_answer_of_long_ago_counts_no_more() -> None:
    monotonic = Monotonic()
    clock = Clock(monotonic)
    answer_at(clock, NOON + timedelta(seconds=5))
    for minutes in (11, 22):
        monotonic.seconds = 100 + 60.0 * minutes
        answer_at(clock, NOON + timedelta(minutes=minutes))
    assert clock.now() == NOON + timedelta(minutes=22)


def test_a_machine_that_slept_is_on_time_with_the_next_answer() -> None:
    monotonic = Monotonic()
    clock = Clock(monotonic)
    answer_at(clock, NOON)
    answer_at(clock, NOON + timedelta(hours=8))
    assert clock.now() == NOON + timedelta(hours=8)
