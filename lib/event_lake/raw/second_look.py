"""The records that a first look leaves open: what they hold, and every reason why they are no events."""

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from event_lake.config import Raw
from event_lake.raw import contract
from event_lake.raw.contract import FIELDS
from event_lake.raw.strict_json import (
    DEEPEST,
    begins_with_object,
    holds_one_value,
    is_brace_first,
    marked_fields,
    unmarked,
    was_number,
    was_string,
)


def second_look(text: Column, is_object: Column, arrived_at: Column, rules: Raw) -> Column:
    """A struct of `reasons` (an array, empty if it's an event), the text of each field, and `seconds`.

    `is_object`: whether the first look saw that much. For use behind a condition: five times the cost of a first look.
    """

    def read(form: Column) -> Column:
        marked = F.when(form == "object", marked_fields(text, FIELDS, max_depth=rules.max_depth))
        return _with(marked, lambda fields: _verdict(text, arrived_at, form, fields, rules))

    return _with(F.when(is_object, "object").otherwise(_form(text, rules)), read)


def _with(value: Column, made_of: Callable[[Column], Column]) -> Column:
    """`made_of(value)`, with `value` evaluated once.

    Spark interprets what stands in a lambda. Compiled, all of it would be in one method with every record's path, and
    that be too long for Java to compile: 16 us a record in place of 7.
    """
    return F.get(F.transform(F.array(value), made_of), F.lit(0))


def _form(text: Column, rules: Raw) -> Column:
    is_brace = is_brace_first(text)
    return (
        # The source cuts what it unpacks one byte behind the limit.
        F.when(F.octet_length(text) > rules.max_payload_bytes, "too large")
        .when(holds_one_value(text, max_depth=rules.max_depth), F.when(is_brace, "object").otherwise("value"))
        .when(holds_one_value(text, max_depth=DEEPEST), F.when(is_brace, "deep object").otherwise("deep value"))
        .when(begins_with_object(text), "object and more")
        .otherwise("nothing")
    )


def _verdict(text: Column, arrived_at: Column, form: Column, fields: Column, rules: Raw) -> Column:
    created_at = fields["created_atx"]
    number = F.when(was_string(created_at) | was_number(created_at), contract.number_in(unmarked(created_at)))

    def told(seconds: Column) -> Column:
        checks = {**_of_form(text, form), **_of_fields(form, fields, seconds, arrived_at, rules)}
        return F.struct(
            F.array_compact(F.array(*(F.when(holds, F.lit(name)) for name, holds in checks.items()))).alias("reasons"),
            *(unmarked(fields[f"{name}x"]).alias(name) for name in FIELDS),
            seconds.alias("seconds"),
        )

    return _with(contract.seconds_in(number, rules), told)


def _of_form(text: Column, form: Column) -> dict[str, Column]:
    # What is said of JSON is said of text only.
    is_text = F.coalesce(F.is_valid_utf8(text), F.expr("true"))
    return {
        "too_large": form == "too large",
        "not_utf8": (form != "too large") & ~is_text,
        "too_deep": form.startswith("deep"),
        "not_an_object": form.endswith("value") & is_text,
        "trailing_data": (form == "object and more") & is_text,
        "not_json": (form == "nothing") & is_text,
    }


def _of_fields(form: Column, fields: Column, seconds: Column, arrived_at: Column, rules: Raw) -> dict[str, Column]:
    uuid, name, created_at = (fields[f"{field}x"] for field in FIELDS)
    is_object = form == "object"
    is_time = was_string(created_at) | was_number(created_at)
    return {
        "missing_event_uuid": is_object & (uuid.isNull() | (was_string(uuid) & (unmarked(uuid) == ""))),
        "missing_event_name": is_object & name.isNull(),
        "missing_created_at": is_object & created_at.isNull(),
        "wrong_type_event_uuid": ~was_string(uuid),
        "wrong_type_event_name": ~was_string(name),
        "wrong_type_created_at": ~is_time,
        "malformed_event_uuid": was_string(uuid) & contract.is_malformed_uuid(unmarked(uuid)),
        "malformed_event_name": was_string(name) & contract.is_malformed_name(unmarked(name), rules),
        "unreadable_created_at": is_time & seconds.isNull(),
        "created_at_in_future": contract.is_in_future(seconds, arrived_at, rules),
        "created_at_too_old": contract.is_too_old(seconds, arrived_at, rules),
    }
