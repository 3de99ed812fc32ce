"""Which of Spark's failures say that a job would have used two computations of its rows."""

import pytest

from event_lake.lake.storage_errors import explain
from event_lake.raw.fingerprint import Fingerprint, is_mixing_refused

_CALL = "An error occurred while calling o1.append.\n: org.apache.spark.SparkException: "
ABORTED = f"{_CALL}Job aborted due to stage failure: "


@pytest.mark.parametrize(
    "reason",
    [
        (
            "A shuffle map stage with indeterminate output was failed and retried. However, Spark cannot rollback the"
            " ResultStage 114 to re-process the input data, and has to fail this job."
        ),
        "Task with indeterminate results from old attempt succeeded, aborting the stage 3 due to rollback",
        "cannot rollback a running result stage, please re-run the query to ensure data correctness",
    ],
)
def test_a_job_that_spark_gave_up_so_as_not_to_mix_is_known_by_what_it_says(reason: str) -> None:
    error = RuntimeError(ABORTED + reason)
    assert is_mixing_refused(error)
    assert explain(error) is None  # a write that explains its errors hands it on


@pytest.mark.parametrize("reason", ["Task 3 in stage 1.0 failed 4 times", "ResultStage 4 has failed: FetchFailed"])
def test_other_failures_are_no_reason_to_begin_again(reason: str) -> None:
    assert not is_mixing_refused(RuntimeError(ABORTED + reason))


def test_groups_add_up_to_the_same_whatever_their_order() -> None:
    one, other = Fingerprint(events=1, keys=5, copies=-9), Fingerprint(events=2, keys=-3, copies=7)
    assert one + other == other + one == Fingerprint(events=3, keys=5 ^ -3, copies=-9 ^ 7)


def test_other_copies_are_the_same_events_and_other_keys_or_counts_are_not() -> None:
    one = Fingerprint(events=1, keys=5, copies=9)
    assert one.has_same_events(Fingerprint(events=1, keys=5, copies=1))
    assert not one.has_same_events(Fingerprint(events=1, keys=4, copies=9))
    assert not one.has_same_events(Fingerprint(events=2, keys=5, copies=9))
