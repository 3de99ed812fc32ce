"""docs/reference/command-line.md, from the commands' parsers and the errors' exit codes."""

from argparse import Action
from collections.abc import Iterable, Iterator
from importlib import import_module

from event_lake.__main__ import COMMANDS
from event_lake.cli.jobs import JobParser
from event_lake.errors import ERRORS, STOPPED
from tools.reference.markdown import as_code, as_page, as_paragraphs, as_prose, as_table, first_paragraph

_INTRO = """
`event-lake <command> --config FILE` runs a job; `python -m event_lake <command>` is the same. For `spark-submit` each
job is a file, too: `jobs/ingest_raw.py` is `event-lake ingest-raw`, with the same flags.
"""


def make_page() -> str:
    """Return the page."""
    shared = JobParser("").arguments
    blocks = [as_prose(_INTRO), "## Exit codes", as_table(["code", "error", "what it says"], _exit_codes())]
    blocks += ["## Flags of every command", _flags(shared)]
    known = {flag for action in shared for flag in action.option_strings}
    for command in COMMANDS:
        parser = make_parser(command)
        blocks += [f"## `event-lake {command}`", as_paragraphs(parser.description)]
        own = [action for action in parser.arguments if known.isdisjoint(action.option_strings)]
        if own:
            blocks.append(_flags(own))
    return as_page("Command line", *blocks)


def make_parser(command: str) -> JobParser:
    """Return the parser of one of the `COMMANDS`."""
    module = import_module(f"event_lake.commands.{command.replace('-', '_')}")
    parser: JobParser = module.make_parser(f"event-lake {command}")
    return parser


def _exit_codes() -> Iterator[tuple[str, str, str]]:
    yield "0", "", "The job did what it was asked to."
    yield "1", "any other", "An error without an explanation of ours; its traceback is on stderr."
    for error in ERRORS:
        yield str(error.exit_code), as_code(error.__name__), first_paragraph(error.__doc__)
    yield str(STOPPED), "", "Ctrl+C stopped the job before its end; of ingest-raw, a second signal interrupted a batch."


def _flags(actions: Iterable[Action]) -> str:
    return as_table(["flag", "what it does"], (_flag(action) for action in actions))


def _flag(action: Action) -> tuple[str, str]:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    explained = as_prose((action.help or "") % vars(action))
    return as_code(
        " ".join(part for part in (", ".join(action.option_strings), value) if part)
    ), f"{explained}. Required." if action.required else explained
