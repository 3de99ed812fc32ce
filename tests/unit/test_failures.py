"""Which of our errors an exception stands for; see test_errors and test_storage_errors."""

from collections.abc import Callable
from typing import Any

import pytest
from py4j.clientserver import ClientServer, JavaParameters, PythonParameters
from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JNetworkError

from event_lake.errors import ServiceUnavailableError, UserError
from event_lake.lake.failures import failure_of
from support.emulators import free_port


def ask_by_one_connection() -> Any:
    parameters = {"auto_convert": True, "port": free_port()}
    gateway = ClientServer(JavaParameters(**parameters), PythonParameters(port=0, eager_load=False))
    return gateway.jvm.System.currentTimeMillis()


def ask_by_two_connections() -> Any:
    return JavaGateway(gateway_parameters=GatewayParameters(port=free_port())).jvm.System.currentTimeMillis()


def clean_up_after_it() -> None:
    try:
        ask_by_two_connections()
    finally:
        raise ValueError("what comes of the first error")


def say_what_spark_says() -> None:
    raise RuntimeError("Job 3 cancelled because SparkContext was shut down")


@pytest.mark.parametrize(
    "fail", [ask_by_one_connection, ask_by_two_connections, clean_up_after_it, say_what_spark_says]
)
def test_a_java_process_that_is_gone_is_told_and_worth_another_try(fail: Callable[[], object]) -> None:
    with pytest.raises((OSError, Py4JNetworkError, ValueError, RuntimeError)) as failed:
        fail()
    failure = failure_of(failed.value)
    assert isinstance(failure, ServiceUnavailableError)
    assert str(failure) == "Spark's Java process ended in the middle, maybe by a signal; start again: nothing is lost"


def test_an_error_of_ours_is_itself() -> None:
    error = UserError("what and how")
    assert failure_of(error) is error


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("of somebody else"), ValueError("no"), KeyboardInterrupt(), SystemExit(1)]
)
def test_what_is_not_known_has_no_explanation(error: BaseException) -> None:
    assert failure_of(error) is None
