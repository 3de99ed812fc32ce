"""The number of the form in which something of ours is stored, so that a newer one isn't taken for a damaged one."""

from collections.abc import Mapping
from typing import Any

from event_lake.errors import UserError

KEY = "format"


def refuse_newer(what: str, stored: object, newest: int) -> None:
    """Raise UserError if `stored`, the number of a form, is higher than the `newest` that this code knows.

    `what` names the thing that has that form. What was stored before there were numbers has none, and is known.
    """
    number = int(stored) if isinstance(stored, int | str) and str(stored).isdecimal() else 0
    if number > newest:
        raise UserError(
            f"{what} was written by a newer Event Lake: it has format {number}, and this version knows them up to"
            f" {newest}; use the newer version again"
        )


def without_format(what: str, fields: Mapping[str, Any], newest: int) -> dict[str, Any]:
    """Return the fields of a JSON object without the number of its form. Raise UserError as `refuse_newer` does."""
    refuse_newer(what, fields.get(KEY), newest)
    return {name: value for name, value in fields.items() if name != KEY}
