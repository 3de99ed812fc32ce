"""What documents show of code, held to the code: settings, names of the package, commands."""

import ast
import inspect
import io
import re
import tomllib
from argparse import Namespace
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import event_lake
from event_lake import __main__ as command
from event_lake.cli.commands import OneLineParser
from event_lake.config.files import load_settings
from event_lake.contracts.load import load_contract
from event_lake.quality.thresholds import load_rules
from infra.emr import __main__ as emr
from infra.emr.deployment import load_deployment
from support.documents import Block, arguments_of, commands_in
from tools.reference.command_line import make_parser

_MAKEFILE = Path("Makefile").read_text("utf-8")
_TARGETS = set(re.findall(r"^([a-z0-9-]+):", _MAKEFILE, re.MULTILINE))
_VARIABLES = set(re.findall(r"\$\((\w+)\)", _MAKEFILE))


class WrongError(Exception):
    """A document shows what isn't so."""


def read_toml_block(text: str, folder: Path) -> None:
    """Read thresholds, a contract, a deployment on EMR or, if it's none of them, settings; parts may be missing.

    Raise ConfigError for what our readers refuse. `folder` is for the file.
    """
    table = tomllib.loads(text)
    file = folder / "block.toml"
    if "rules" in table:
        file.write_text(text, "utf-8")
        load_rules(str(file))
    elif "columns" in table:
        event_type = table.get("event_type", "block")
        file = folder / f"{event_type}.toml"
        file.write_text(text if "event_type" in table else f'event_type = "{event_type}"\n{text}', "utf-8")
        load_contract(file)
    elif "application_id" in table:
        file.write_text(text, "utf-8")
        load_deployment(str(file))
    else:
        file.write_text(text, "utf-8")
        needed = {"source": "stream", "lake": "root"}
        missing = [f"{section}.{key}=any" for section, key in needed.items() if key not in table.get(section, {})]
        load_settings(str(file), missing)


def refuse_private_names(text: str) -> None:
    """Raise SyntaxError for what isn't Python, and WrongError for names of event_lake that it doesn't promise.

    WrongError, too, for a call of a promised one with arguments that it doesn't take.
    """
    tree = ast.parse(text)
    names = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _public_name(node, names)):
            _refuse_private(f"event_lake.{name}")
        if isinstance(node, ast.Call) and (name := _public_name(node.func, names)):
            _refuse_call(name, node)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that are imported of event_lake, and what each is: "" is the package itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "event_lake":
                    if alias.name != "event_lake":
                        raise WrongError(f"import {alias.name}: only event_lake itself is public")
                    yield alias.asname or alias.name, ""
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "event_lake":
            for alias in node.names:
                _refuse_private(f"{node.module}.{alias.name}")
                if node.module == "event_lake":
                    yield alias.asname or alias.name, alias.name


def _public_name(node: ast.expr, imported: dict[str, str]) -> str | None:
    """Return the name within event_lake that an expression stands for, None if it stands for something else."""
    if isinstance(node, ast.Name):
        return imported.get(node.id) or None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and imported.get(node.value.id) == "":
        return node.attr
    return None


def _refuse_private(path: str) -> None:
    if path not in {f"event_lake.{name}" for name in event_lake.__all__}:
        raise WrongError(f"{path} isn't public: see event_lake.__all__")


def _refuse_call(name: str, call: ast.Call) -> None:
    _refuse_private(f"event_lake.{name}")
    if any(isinstance(argument, ast.Starred) for argument in call.args) or any(not one.arg for one in call.keywords):
        return
    try:
        inspect.signature(getattr(event_lake, name)).bind(*call.args, **{str(one.arg): one for one in call.keywords})
    except TypeError as error:
        raise WrongError(f"event_lake.{name}: {error}") from None


def refuse_commands(block: Block) -> None:
    """Raise WrongError for a job or flag that we don't have, and for a target or variable that the Makefile hasn't.

    Raise ConfigError for a setting of `--set` that can't be used.
    """
    for words in commands_in(block):
        _refuse_command(words)


def _refuse_command(words: list[str]) -> None:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    if words[:1] == ["make"]:
        _refuse_make(words[1:])
    elif words[1:3] == ["-m", "infra.emr"]:
        args = _parsed(emr.make_parser(), words[3:])
        if args and args.command == "submit":
            _refuse_command(["event-lake", args.job, *args.flags])
    elif (called := arguments_of(words)) is not None:
        args = _parsed(command.make_parser(), called)
        if args and (args := _parsed(make_parser(args.command), args.flags)):
            load_settings("conf/reference.toml", args.set)
            if args.config.startswith("conf/") and not Path(args.config).exists():
                raise WrongError(f"{args.config} isn't there")


def _refuse_make(words: list[str]) -> None:
    for word in words:
        name, is_variable, _ = word.partition("=")
        if name not in (_VARIABLES if is_variable else _TARGETS):
            raise WrongError(f"make {word}: the Makefile has no {name}")


def _parsed(parser: OneLineParser, words: list[str]) -> Namespace | None:
    """Return what the words say, or None if they ask for help or the version."""
    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            return parser.parse_args(words)
    except SystemExit as ended:
        if ended.code:
            raise WrongError(said.getvalue().strip()) from None
        return None
