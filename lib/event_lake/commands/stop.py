"""Ask running jobs to stop, wherever they run, and wait until they have.

A job that is asked sees it within 20 s, finishes its batch (ingest_raw) or its step (build_staging), and exits with 0.
Its last line says who asked. A job that isn't running is told, and nothing is left behind. If a job goes on for longer
than --timeout, this exits with code 4; the job stays asked.
"""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import timedelta

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.config.parsing import parse_duration
from event_lake.config.settings import Settings
from event_lake.errors import ConfigError, ServiceUnavailableError
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.stopping import LAYERS, USUAL_TIMEOUT, open_request


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog)
    parser.add_argument(
        "layers",
        nargs="*",
        default=[],
        metavar="LAYER",
        help=f"whose job to stop: {' or '.join(LAYERS)}, or both (default raw)",
    )
    parser.add_argument(
        "--timeout",
        type=_duration,
        default=USUAL_TIMEOUT,
        metavar="DURATION",
        help='how long to wait for the end, like "30 seconds" (default "10 minutes")',
    )
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _stop)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration("--timeout", text)
    except ConfigError as error:
        raise ArgumentTypeError(str(error)) from None


def _stop(args: Namespace, settings: Settings, notes: RunNotes) -> int:
    requests = [open_request(settings, layer) for layer in args.layers or LAYERS[:1]]
    for request in requests:
        request.ask()
    go_on = []
    for request in requests:
        try:
            tell(notes, str(request.await_end(args.timeout)))
        except ServiceUnavailableError as error:
            go_on.append(str(error))
    if go_on:
        raise ServiceUnavailableError("; ".join(go_on))
    return 0
