"""What a contract may change of the table that is there: new columns, and types that hold all of the old values."""

from collections.abc import Mapping
from dataclasses import dataclass

from event_lake.contracts import column_types
from event_lake.contracts.contract import COMMON, Column, Contract
from event_lake.errors import UserError

# The digits of the largest one.
_DIGITS = {"int": 10, "bigint": 19}
_WIDER = {("int", "bigint"), ("int", "double"), ("date", "timestamp")}


@dataclass(frozen=True)
class Held:
    """A column as the table has it."""

    type: str
    comment: str = ""


@dataclass(frozen=True)
class Evolution:
    """What is to be done with a table: `added` columns, `widened` ones, and those `described` otherwise."""

    added: tuple[Column, ...] = ()
    widened: tuple[tuple[str, Column], ...] = ()
    described: tuple[Column, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.widened or self.described)

    def lines(self) -> list[str]:
        """What changes, a line for each column."""
        return [
            *(f"adds {column.name} {column.type}, null in old rows" for column in self.added),
            *(f"widens {column.name} from {held} to {column.type}" for held, column in self.widened),
            *(f"describes {column.name} anew" for column in self.described),
        ]


def holds_all_of(wide: str, narrow: str) -> bool:
    """Whether each value of type `narrow` is in `wide`, exactly: a double has 53 bits, which a bigint may exceed."""
    if wide == narrow or (narrow, wide) in _WIDER:
        return True
    members = column_types.parse_element(wide), column_types.parse_element(narrow)
    if members[0] and members[1]:
        return holds_all_of(members[0], members[1])
    to, before = column_types.parse_decimal(wide), column_types.parse_decimal(narrow)
    if to and before:
        return to[1] >= before[1] and to[0] - to[1] >= before[0] - before[1]
    return to is not None and narrow in _DIGITS and to[0] - to[1] >= _DIGITS[narrow]


def plan_evolution(contract: Contract, held: Mapping[str, Held]) -> Evolution:
    """What makes a table with the columns `held` (in its order) one of `contract`.

    Raises UserError for what would lose values: a column that is gone, or has another type that can't hold them.
    """
    wanted = {column.name: column for column in contract.columns}
    for name, column in held.items():
        if name in COMMON:
            continue
        if name not in wanted:
            raise _refuse(contract, f"column {name} ({column.type}) is in the table but not in the contract")
        if not holds_all_of(wanted[name].type, column.type):
            problem = (
                f"column {name} is {column.type} in the table, and {wanted[name].type} can't hold all of its values"
            )
            raise _refuse(contract, problem)
    kept = [column for column in contract.columns if column.name in held]
    widened = [(held[column.name].type, column) for column in kept if column.type != held[column.name].type]
    return Evolution(
        added=tuple(column for column in contract.columns if column.name not in held),
        widened=tuple(widened),
        described=tuple(column for column in kept if column.comment != held[column.name].comment),
    )


def _refuse(contract: Contract, problem: str) -> UserError:
    return UserError(
        f"{contract.file}: {problem}; put it back as it was (a new meaning needs a new column), or move the folder"
        f" staging/types/{contract.event_type} away and build its dates anew with build_staging --from"
    )
