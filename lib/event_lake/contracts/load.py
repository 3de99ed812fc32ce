"""Load contracts from a folder of TOML files."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from event_lake.config.parsing import unusable
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.config.type_folders import folder_of
from event_lake.contracts.contract import Contract


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
    contracts: dict[str, Contract] = {}
    for file in sorted(path.glob("*.toml")):
        contract = load_contract(file)
        with name_in_errors(file):
            _refuse_same_folder(contract, contracts.values())
        contracts[contract.event_type] = contract
    return contracts


def load_contract(file: Path) -> Contract:
    """Return the contract in `file`. Raise ConfigError as `load_contracts` does."""
    table = read_toml(file, str(file), "conf/contracts", Decimal)
    with name_in_errors(file):
        return read_table(Contract, table, file=file.name)


def _refuse_same_folder(contract: Contract, others: Iterable[Contract]) -> None:
    for other in others:
        if folder_of(contract.event_type).lower() != folder_of(other.event_type).lower():
            continue
        if contract.event_type == other.event_type:
            problem = f"{other.file} is a contract of this type, too; keep one of them"
        else:
            problem = f"differs from the type in {other.file} in capitals only; keep one of them"
        raise unusable("event_type", contract.event_type, problem)
