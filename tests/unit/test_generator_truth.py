from event_lake.generator.sequence import Record
from event_lake.generator.truth import Truth


def test_the_truth_tells_raw_from_duplicates_and_names_reasons_without_variants() -> None:
    truth = Truth()
    kinds = ["event", "event", "late", "retry", "not_json", "not_json.empty", "created_at_too_old"]
    truth.add([Record(kind, "u-1", b"four", 0.0) for kind in kinds])
    assert truth.outcome() == {
        "records": 7,
        "bytes": 28,
        "by_kind": {
            "created_at_too_old": 1,
            "event": 2,
            "late": 1,
            "not_json": 1,
            "not_json.empty": 1,
            "retry": 1,
        },
        "raw": 3,
        "duplicates": 1,
        "quarantined": {"not_json": 2, "created_at_too_old": 1},
    }
    assert (truth.events, truth.retries) == (6, 1)
