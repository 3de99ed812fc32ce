"""Asking again, by a clock that stands still but for the sleeps."""

from collections.abc import Callable
from random import Random
from threading import Thread

import pytest

from event_lake.errors import ServiceUnavailableError, UserError
from event_lake.kinesis.api.retries import Calls, Retrying, ThrottledError, TransientError


class Longest(Random):
    """Draws the upper end of every range."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Shortest(Random):
    """Draws the lower end of every range."""

    def uniform(self, a: float, b: float) -> float:
        return a


class Time:
    """A clock that moves by what is slept, and by what each call takes."""

    def __init__(self, call_takes: float = 0.0) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.call_takes = call_takes

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def failing(time: Time, *errors: Exception) -> Callable[[], str]:
    """A call that fails with each of the errors, and then answers."""
    left = list(errors)

    def call() -> str:
        time.now += time.call_takes
        if left:
            raise left.pop(0)
        return "answer"

    return call


def retrying(calls: Calls, time: Time, rng: Random, patience: float = 200.0) -> Retrying:
    return Retrying(calls, patience_seconds=patience, sleep=time.sleep, clock=time, rng=rng)


def test_a_call_that_is_answered_is_made_once() -> None:
    calls, time = Calls(), Time()
    assert retrying(calls, time, Longest())(failing(time)) == "answer"
    assert (calls, time.sleeps) == (Calls(made=1), [])


def test_a_call_is_made_until_it_is_answered_and_counted_by_why() -> None:
    calls, time = Calls(), Time()
    errors = [ThrottledError(), TransientError(), ThrottledError()]
    assert retrying(calls, time, Longest())(failing(time, *errors)) == "answer"
    assert calls == Calls(made=4, throttled=2, failed=1)


def test_the_longest_delays_double_from_a_reads_share_to_ten_seconds() -> None:
    time = Time()
    retrying(Calls(), time, Longest())(failing(time, *[ThrottledError()] * 14))
    assert time.sleeps == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4] + [10.0] * 9)


def test_the_shortest_delay_is_none() -> None:
    time = Time()
    retrying(Calls(), time, Shortest())(failing(time, *[ThrottledError()] * 3))
    assert time.sleeps == [0.0] * 3


def test_delays_are_spread_over_all_of_their_range() -> None:
    time = Time()
    for seed in range(200):
        retrying(Calls(), time, Random(seed))(failing(time, ThrottledError()))
    assert 0 <= min(time.sleeps) < 0.04
    assert 0.36 < max(time.sleeps) <= 0.4
    assert 0.15 < sum(time.sleeps) / 200 < 0.25


def test_each_call_begins_with_short_delays_again() -> None:
    time = Time()
    ask = retrying(Calls(), time, Longest())
    for _ in range(2):
        ask(failing(time, TransientError(), TransientError()))
    assert time.sleeps == pytest.approx([0.4, 0.8, 0.4, 0.8])


def test_patience_ends_before_a_delay_that_would_pass_it_and_the_last_answer_is_told() -> None:
    calls, time = Calls(), Time()
    errors = [TransientError("broken"), *[ThrottledError("slow down")] * 9]
    with pytest.raises(ServiceUnavailableError) as ended:
        retrying(calls, time, Longest(), patience=5.0)(failing(time, *errors))
    assert str(ended.value) == "slow down (4 times)"
    assert isinstance(ended.value.__cause__, ThrottledError)
    assert (time.sleeps, calls) == (pytest.approx([0.4, 0.8, 1.6]), Calls(made=4, throttled=3, failed=1))


def test_what_the_calls_themselves_take_counts_too() -> None:
    calls, time = Calls(), Time(call_takes=30.0)
    with pytest.raises(ServiceUnavailableError):
        retrying(calls, time, Shortest())(failing(time, *[TransientError("timeout")] * 9))
    assert calls == Calls(made=7, failed=7)


def test_another_error_comes_through_at_once() -> None:
    calls, time = Calls(), Time()
    with pytest.raises(UserError, match="no"):
        retrying(calls, time, Longest())(failing(time, UserError("no"), ThrottledError()))
    assert (calls, time.sleeps) == (Calls(made=1), [])


def test_several_threads_may_call_and_every_call_counts() -> None:
    calls = Calls()
    ask = Retrying(calls, patience_seconds=200.0, sleep=lambda _: None, clock=lambda: 0.0)

    def many() -> None:
        for _ in range(200):
            ask(failing(Time(), ThrottledError()))

    threads = [Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == Calls(made=3_200, throttled=1_600)
