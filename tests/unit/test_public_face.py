"""What `import event_lake` promises, and that it costs nothing until it's used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import event_lake

FILE = Path(event_lake.__file__)


def names_for_type_checkers() -> set[str]:
    [block] = (node for node in ast.parse(FILE.read_text("utf-8")).body if isinstance(node, ast.If))
    return {name.asname or name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}


def test_importing_it_imports_only_what_python_brings() -> None:
    code = "import sys, event_lake\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before = subprocess.run(
        [sys.executable, "-c", "import sys; print(*{name.partition('.')[0] for name in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    brought = set(done.stdout.split()) - set(before.stdout.split())
    assert brought <= {"event_lake", *sys.stdlib_module_names}


def test_type_checkers_see_the_names_that_are_promised() -> None:
    assert {*names_for_type_checkers(), "__version__"} == set(event_lake.__all__)


@pytest.mark.parametrize("name", event_lake.__all__)
def test_no_module_takes_the_place_of_a_public_name(name: str) -> None:
    for module in walk_packages(event_lake.__path__, "event_lake."):
        if module.name != "event_lake.__main__":
            import_module(module.name)
    found = getattr(event_lake, name)
    assert callable(found) or isinstance(found, str)
    assert name in dir(event_lake)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'event_lake' has no attribute 'ingest'"):
        _ = event_lake.ingest
