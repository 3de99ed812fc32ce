"""Load contracts from a folder of TOML files."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from event_lake.config.parsing import unusable
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.config.type_folders import folder_of
from event_lake.contracts.contract import Contract
from event_lake.errors import ConfigError


def load_contracts(folder: str) -> Mapping[str, Contract]:
    """Return the contracts in the files of `folder` that end with ".toml", by event type, in the order of the files.

    Raise ConfigError, one line with file, key, value and remedy, if there is no such folder, or a file can't be read,
    has an unknown key or a wrong type, or isn't a possible contract; and if two are of one type, or of two whose tables
    would have one folder on disks that take no account of capitals.
    """
    path = Path(folder)
    if not path.is_dir():
        problem = "no such folder; make it, or leave the key out to have no typed tables"
        raise unusable("staging.contracts", folder, problem)
    by_folder: dict[str, Contract] = {}
    for file in sorted(path.glob("*.toml")):
        contract = load_contract(file)
        other = by_folder.setdefault(folder_of(contract.event_type).lower(), contract)
        if other is not contract:
            with name_in_errors(file):
                raise _refusal(contract, other)
    return {contract.event_type: contract for contract in by_folder.values()}


def load_contract(file: Path) -> Contract:
    """Return the contract in `file`. Raise ConfigError as `load_contracts` does."""
    table = read_toml(file, str(file), "conf/contracts", Decimal)
    with name_in_errors(file):
        return read_table(Contract, table, file=file.name)


def _refusal(contract: Contract, other: Contract) -> ConfigError:
    if contract.event_type == other.event_type:
        problem = f"{other.file} is a contract of this type, too; keep one of them"
    else:
        problem = f"differs from the type in {other.file} in capitals only; keep one of them"
    return unusable("event_type", contract.event_type, problem)
