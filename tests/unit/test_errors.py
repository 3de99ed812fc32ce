import traceback

import pytest

from event_lake.errors import (
    ConfigError,
    DataLossError,
    EventLakeError,
    QualityError,
    ServiceUnavailableError,
    StreamNotFoundError,
    UserError,
    error_in_traceback,
    is_worth_a_retry,
)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (EventLakeError, 1),
        (UserError, 2),
        (ConfigError, 2),
        (StreamNotFoundError, 2),
        (DataLossError, 3),
        (ServiceUnavailableError, 4),
        (QualityError, 5),
    ],
)
def test_each_decision_has_its_exit_code(error: type[EventLakeError], exit_code: int) -> None:
    assert error.exit_code == exit_code


@pytest.mark.parametrize(
    ("exit_code", "retried"),
    [(0, False), (1, True), (2, False), (3, False), (4, True), (5, False), (130, False), (137, True), (-9, True)],
)
def test_a_run_is_worth_a_retry_where_nobody_must_look_into_it_first(exit_code: int, *, retried: bool) -> None:
    assert is_worth_a_retry(exit_code) == retried


@pytest.mark.parametrize(
    "error",
    [
        EventLakeError,
        UserError,
        ConfigError,
        StreamNotFoundError,
        DataLossError,
        ServiceUnavailableError,
        QualityError,
    ],
)
def test_an_error_is_found_in_the_traceback_that_python_writes_of_it(error: type[EventLakeError]) -> None:
    try:
        raise error("shard a: 3 records are gone: see conf")
    except EventLakeError:
        found = error_in_traceback(traceback.format_exc())
    assert (type(found), str(found)) == (error, "shard a: 3 records are gone: see conf")


def test_the_last_of_several_is_the_one_that_ended_the_job() -> None:
    text = "event_lake.errors.UserError: first\nDuring handling:\nevent_lake.errors.DataLossError: second\n"
    found = error_in_traceback(text)
    assert (type(found), str(found)) == (DataLossError, "second")


@pytest.mark.parametrize("text", ["", "ValueError: no", "UserError: of some other package", "a.errors.UserError: no"])
def test_a_traceback_without_an_error_of_ours_is_none(text: str) -> None:
    assert error_in_traceback(text) is None
