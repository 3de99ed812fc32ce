"""Plan how a typed table follows a changed contract: by new columns, and types that can hold all old values."""

from collections.abc import Mapping
from dataclasses import dataclass

from event_lake.config.type_folders import folder_of
from event_lake.contracts import column_types
from event_lake.contracts.contract import COMMON, Column, Contract
from event_lake.errors import UserError

# The number of digits of the type's largest number.
_DIGITS = {"int": 10, "bigint": 19}
# Pairs of a type and one that can hold all of its values.
_WIDER = {("int", "bigint"), ("int", "double"), ("date", "timestamp")}


@dataclass(frozen=True)
class TableColumn:
    """A column as the table has it now: its type as Spark spells it, and its comment."""

    type: str
    comment: str = ""


@dataclass(frozen=True)
class Evolution:
    """The changes that a table needs to follow its contract: none is false.

    `added` columns are new. `widened` ones get a wider type; each is a pair with the table's type. `described` ones get
    another comment.
    """

    added: tuple[Column, ...] = ()
    widened: tuple[tuple[str, Column], ...] = ()
    described: tuple[Column, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.widened or self.described)

    def lines(self) -> list[str]:
        """Return a line for each column that changes."""
        return [
            *(f"adds {column.name} {column.type}, null in old rows" for column in self.added),
            *(f"widens {column.name} from {old_type} to {column.type}" for old_type, column in self.widened),
            *(f"describes {column.name} anew" for column in self.described),
        ]


def holds_all_of(wide: str, narrow: str) -> bool:
    """True if the type `wide` can hold each value of the type `narrow` exactly.

    A double can't hold all bigints, as it has 53 bits.
    """
    if wide == narrow or (narrow, wide) in _WIDER:
        return True
    members = column_types.parse_element(wide), column_types.parse_element(narrow)
    if members[0] and members[1]:
        return holds_all_of(members[0], members[1])
    to, before = column_types.parse_decimal(wide), column_types.parse_decimal(narrow)
    if to and before:
        return to[1] >= before[1] and to[0] - to[1] >= before[0] - before[1]
    return to is not None and narrow in _DIGITS and to[0] - to[1] >= _DIGITS[narrow]


def plan_evolution(contract: Contract, table: Mapping[str, TableColumn]) -> Evolution:
    """Return the changes after which a table with the columns `table`, by name, has those of `contract`.

    Raise UserError if values would be lost: the contract lacks a column, or gives it a type that can't hold them all.
    """
    own = {column.name: column for column in contract.columns}
    for name, column in table.items():
        if name in COMMON:
            continue
        if name not in own:
            raise _refusal(contract, f"column {name} ({column.type}) is in the table but not in the contract")
        if not holds_all_of(own[name].type, column.type):
            problem = f"column {name} is {column.type} in the table, and {own[name].type} can't hold all of its values"
            raise _refusal(contract, problem)
    kept = [column for column in contract.columns if column.name in table]
    widened = [(table[column.name].type, column) for column in kept if column.type != table[column.name].type]
    return Evolution(
        added=tuple(column for column in contract.columns if column.name not in table),
        widened=tuple(widened),
        described=tuple(column for column in kept if column.comment != table[column.name].comment),
    )


def _refusal(contract: Contract, problem: str) -> UserError:
    return UserError(
        f"{contract.file}: {problem}; put it back as it was (a new meaning needs a new column), or move the folder"
        f" staging/types/{folder_of(contract.event_type)} away and build its dates anew with build_staging --from"
    )
