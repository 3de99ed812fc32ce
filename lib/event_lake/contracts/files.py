"""Contracts from a folder of TOML files, refusing whatever can't be meant."""

import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from event_lake.config.values import nearest, unusable
from event_lake.contracts.contract import Bound, Column, Contract
from event_lake.errors import ConfigError

_FILE_KEYS = ("event_type", "description", "columns")
_COLUMN_KEYS = ("type", "path", "required", "description", "pii", "allowed", "minimum", "maximum", "subtypes")


def load_contracts(folder: str) -> Mapping[str, Contract]:
    """The contracts of all files `<event_type>.toml` in `folder`, by event type, in its order; others aren't read.

    Raises ConfigError, one line with file, key, value and remedy, for a folder that isn't there, a file that can't be
    read, an unknown key, a wrong type, or what no contract can say.
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
    """The contract in `file`. Raises ConfigError as `load_contracts` does."""
    try:
        table = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: can't be read as TOML: {error}") from None
    try:
        contract = _contract(table)
        if contract.file != file.name:
            problem = f"the file would be {contract.file}; rename it, or correct the type"
            raise unusable("event_type", contract.event_type, problem)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    return contract


def _refuse_other_case(file: Path, contracts: Collection[str]) -> None:
    """Two folders whose names differ in capitals only are one on many disks."""
    for other in contracts:
        if file.stem.lower() == other.lower():
            raise ConfigError(f"{file}: differs from {other}.toml in capitals only; keep one of them")


def _contract(table: Mapping[str, object]) -> Contract:
    _refuse_unknown(table, _FILE_KEYS, "")
    columns = table.get("columns", {})
    if not isinstance(columns, dict):
        raise unusable("columns", columns, "not a section; write [columns.<name>] and its keys below")
    if "event_type" not in table:
        raise ConfigError('event_type is missing; write event_type = "…", as the file is called')
    return Contract(
        event_type=_string("event_type", table["event_type"]),
        description=_string("description", table.get("description", "")),
        columns=tuple(_column(name, keys) for name, keys in columns.items()),
    )


def _column(name: str, table: object) -> Column:
    prefix = f"columns.{name}"
    if not isinstance(table, dict):
        raise unusable(prefix, table, f"not a section; write [{prefix}] and its keys below")
    _refuse_unknown(table, _COLUMN_KEYS, f"{prefix}.")
    if "type" not in table:
        raise ConfigError(f'{prefix}.type is missing; write it like type = "string"')
    return Column(
        name=name,
        type=_string(f"{prefix}.type", table["type"]),
        path=_path(f"{prefix}.path", table["path"]) if "path" in table else (),
        required=_flag(f"{prefix}.required", table.get("required", False)),
        description=_string(f"{prefix}.description", table.get("description", "")),
        pii=_flag(f"{prefix}.pii", table.get("pii", False)),
        allowed=_allowed(f"{prefix}.allowed", table["allowed"]) if "allowed" in table else (),
        minimum=_bound(f"{prefix}.minimum", table.get("minimum")),
        maximum=_bound(f"{prefix}.maximum", table.get("maximum")),
        subtypes=_strings(f"{prefix}.subtypes", table["subtypes"]) if "subtypes" in table else (),
    )


def _refuse_unknown(table: Mapping[str, object], known: Collection[str], prefix: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {prefix}{key}; {nearest(key, known, prefix)}")


def _string(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise unusable(key, value, 'not a string; write it like "text"')
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise unusable(key, value, "not true or false; write it without quotes")
    return value


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise unusable(key, value, 'not a list of strings; write it like ["started", "finished"]')
    return tuple(value)


def _path(key: str, value: object) -> tuple[str, ...]:
    keys = tuple(value.split(".")) if isinstance(value, str) else _strings(key, value)
    if not all(keys):
        raise unusable(key, value, 'not a path; write it like "device.os", or ["device.model", "os"] if keys have dots')
    return keys


def _allowed(key: str, value: object) -> tuple[str | int, ...]:
    if not isinstance(value, list) or not value:
        raise unusable(key, value, 'not a list of values; write it like ["web", "ios"]')
    return tuple(value)


def _bound(key: str, value: object) -> Bound | None:
    if value is None or (isinstance(value, int | Decimal | date) and not isinstance(value, bool)):
        return value
    raise unusable(key, value, "no bound; write a number like 0, or a date like 2026-01-31 without quotes")
