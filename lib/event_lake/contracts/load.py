"""Load contracts from a folder of TOML files."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path

from event_lake.config.parsing import unusable
from event_lake.config.toml import name_in_errors, read_table, read_toml
from event_lake.contracts.contract import Contract
from event_lake.errors import ConfigError


def load_contracts(folder: str) -> Mapping[str, Contract]:
    """Return the contracts in the files `<event_type>.toml` of `folder`, by event type, in the order of their names.

    Other files aren't read. Raise ConfigError, one line with file, key, value and remedy, if there is no such folder,
    or a file can't be read, has an unknown key or a wrong type, or isn't a possible contract.
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
    """Raise ConfigError if the file's name and another type's differ in capitals only.

    On many disks the folders of their tables would be one.
    """
    for other in contracts:
        if file.stem.lower() == other.lower():
            raise ConfigError(f"{file}: differs from {other}.toml in capitals only; keep one of them")
