"""Contracts from a folder of TOML files, refusing whatever can't be meant."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path

from event_lake.config.parsing import unusable
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.contracts.contract import Contract
from event_lake.errors import ConfigError


def load_contracts(folder: str) -> Mapping[str, Contract]:
    """Return the contracts of all files `<event_type>.toml` in `folder`, by event type, in its order.

    Other files aren't read. Raise ConfigError, one line with file, key, value and remedy, for a folder that isn't
    there, a file that can't be read, an unknown key, a wrong type, or what no contract can say.
    """
    path = Path(folder)
    if not path.is_dir():
        problem = "no such folder; make it, or leave the key out to have no typed tables"
        raise unusable("staging.contracts", folder, problem)
    contracts: dict[str, Contract] = {}
    for file in sorted(path.glob("*.toml")):
        contract = load_contract(file)
        _refuse_other_case(file, contracts)
        contracts[contract.event_type] = contract
    return contracts


def load_contract(file: Path) -> Contract:
    """Return the contract in `file`. Raise ConfigError as `load_contracts` does."""
    table = read_toml(file, str(file), "conf/contracts", Decimal)
    with name_in_errors(file):
        contract = read_table(Contract, table)
        if contract.file != file.name:
            problem = f"the file would be {contract.file}; rename it, or correct the type"
            raise unusable("event_type", contract.event_type, problem)
    return contract


def _refuse_other_case(file: Path, contracts: Collection[str]) -> None:
    """Two folders whose names differ in capitals only are one on many disks."""
    for other in contracts:
        if file.stem.lower() == other.lower():
            raise ConfigError(f"{file}: differs from {other}.toml in capitals only; keep one of them")
