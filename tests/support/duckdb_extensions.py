"""DuckDB's extensions from PyPI, as if DuckDB had installed them itself: there is no network in the tests."""

import shutil
from importlib import import_module
from pathlib import Path

import duckdb


def extension_file(name: str) -> Path:
    """Return the file of an extension, of the package `duckdb-extension-<name>`."""
    package = import_module(f"duckdb_extension_{name}").__file__
    assert package
    return next(Path(package).parent.rglob("*.duckdb_extension"))


def install_extensions(home: Path, *names: str) -> None:
    """Put the extensions where DuckDB finds them in a process whose HOME is the folder `home`."""
    with duckdb.connect() as connection:
        [(platform,)] = connection.execute("pragma platform").fetchall()
    folder = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / platform
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(extension_file(name), folder / f"{name}.duckdb_extension")
