"""What measures say of an hour, but for those in test_quality_counts, test_quality_drift and test_quality_seasonal."""

from event_lake.contracts.contract import Column, Contract
from event_lake.quality.hour.arrived import Arrivals, EventCounts
from event_lake.quality.hour.inventory import Field, Inventory
from event_lake.quality.hour.refused import Refusals
from event_lake.quality.hour.view import Elsewhere
from support.hour_views import a_view, arrivals, rows_of

PAID = Contract(
    event_type="paid",
    columns=(
        Column(name="amount", type="bigint"),
        Column(name="note", type="string"),
        Column(name="city", type="string", path=("address", "city")),
        Column(name="street", type="string", path=("address", "street")),
    ),
)
AMOUNT = {"amount": Field(0.75, 0.5, frozenset({"integer", "null"}))}


def null_shares(inventory: Inventory) -> list[tuple[str | None, float]]:
    view = a_view(inventories={"paid": inventory}, values_in_objects={("paid", "city"): 1}, contracts={"paid": PAID})
    return [(subject, value) for _, subject, value, _ in rows_of(view, "null_share")]


def test_a_column_without_a_value_is_null_whether_it_lies_at_the_top_or_in_an_object() -> None:
    assert null_shares(Inventory(4, AMOUNT)) == [("amount", 0.5), ("note", 1.0), ("city", 0.75), ("street", 1.0)]


def test_of_fields_that_arent_listed_no_share_is_told() -> None:
    assert [column for column, _ in null_shares(Inventory(4, AMOUNT, unlisted=1))] == ["amount", "city", "street"]


def test_where_no_payload_could_be_read_no_share_is_told() -> None:
    assert null_shares(Inventory(0, {}, unread=4)) == []


def test_a_type_with_a_contract_has_its_violations_be_there_none() -> None:
    view = a_view(arrivals=arrivals(paid=4, quiz=4), contracts={"paid": PAID})
    assert rows_of(view, "contract_violations") == [("paid", None, 0.0, None)]


def test_fields_have_their_share_and_types_and_what_isnt_listed_or_read_is_counted() -> None:
    view = a_view(inventories={"paid": Inventory(4, AMOUNT, unlisted=2, unread=1), "quiz": Inventory(4, {})})
    assert rows_of(view, "field_presence", "unlisted_fields", "unread_payloads") == [
        ("field_presence", "paid", "amount", 0.75, "integer, null"),
        ("unlisted_fields", "paid", None, 2, None),
        ("unread_payloads", "paid", None, 0.2, None),
        ("unread_payloads", "quiz", None, 0.0, None),
    ]


def test_event_uuids_elsewhere_are_counted_by_what_differs_with_the_other_types() -> None:
    found = {"paid": Elsewhere(3, 0, 3, ["refunded", "sent"]), "quiz": Elsewhere(2, 2, 1, ["paid"])}
    assert rows_of(a_view(elsewhere=found, staged_twice={"paid": 4}), "uuid_elsewhere") == [
        (None, None, 5, None),
        ("paid", None, 3, None),
        ("quiz", None, 2, None),
        (None, "date", 2, None),
        ("quiz", "date", 2, None),
        (None, "event_type", 4, None),
        ("paid", "event_type", 3, "refunded, sent"),
        ("quiz", "event_type", 1, "paid"),
        (None, "partition", 4, None),
        ("paid", "partition", 4, None),
    ]


def test_an_hour_without_events_has_none_in_all_and_none_elsewhere_and_else_nothing_to_tell() -> None:
    measures = ("events", "lateness", "ingest_latency", "newest_arrival", "created_before_arrival", "conflicts")
    assert rows_of(a_view(), *measures) == [("events", None, None, 0, None)]
    assert {value for _, _, value, _ in rows_of(a_view(), "uuid_elsewhere")} == {0}


def test_lateness_is_of_each_type_and_of_all_and_the_wait_of_all() -> None:
    paid, in_all, found = EventCounts(events=1), EventCounts(events=2), Arrivals()
    paid.lateness.add(0, 1, 0.0)
    in_all.lateness.add(0, 2, 0.0)
    found.in_all, found.of_types = in_all, {"paid": paid}
    found.waits.add(0, 2, 0.0)
    percentiles = ("p50", "p95", "p99", "max")
    assert rows_of(a_view(arrivals=found), "lateness", "ingest_latency") == [
        *(("lateness", None, name, 0.0, None) for name in percentiles),
        *(("lateness", "paid", name, 0.0, None) for name in percentiles),
        *(("ingest_latency", None, name, 0.0, None) for name in percentiles),
    ]


def test_conflicts_and_duplicates_are_shares_of_what_came() -> None:
    refusals = Refusals(conflicts={"paid": 1}, read=20, duplicates=5)
    view = a_view(arrivals=arrivals(paid=4, quiz=4), refusals=refusals)
    assert rows_of(view, "conflicts", "duplicates") == [
        ("conflicts", None, None, 0.125, None),
        ("conflicts", "paid", None, 0.25, None),
        ("conflicts", "quiz", None, 0.0, None),
        ("duplicates", None, None, 0.25, None),
    ]
