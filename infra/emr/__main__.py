"""`python -m infra.emr`: build what is uploaded, and start, watch and cancel the jobs on EMR Serverless."""

import argparse
import gzip
import json
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from event_lake.cli.commands import OneLineParser
from event_lake.errors import STOPPED, EventLakeError, UserError
from infra.emr.archives import ARCHITECTURES, archive, build_libraries
from infra.emr.artifacts import Artifact, S3Folder
from infra.emr.checks import JOBS, refuse_mistakes
from infra.emr.deployment import Deployment, load_deployment, refuse_old_release
from infra.emr.requests import Run, Uploaded, cancel_request, start_request
from infra.emr.service import EmrServerless

_PACKAGE = Path("dist/event_lake.zip")
# How long the batch that is being written may take after `cancel`; only the time that it takes is billed.
_GRACE_SECONDS = 600
_POLL_SECONDS = 15.0
_Commands: TypeAlias = "argparse._SubParsersAction[OneLineParser]"  # noqa: SLF001 (it has no other name)


def make_parser() -> OneLineParser:
    """Return the parser of the commands and their flags."""
    parser = OneLineParser(prog="infra.emr", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    package = commands.add_parser("package", help="build the archives of libraries beside dist/event_lake.zip")
    package.add_argument("--architecture", choices=ARCHITECTURES, help="only this one; by default both")
    package.set_defaults(run=_package)
    submit = _add(commands, "submit", _submit, "upload what a job needs, and start it")
    submit.add_argument("--run-id", help="a name for the run; with the same name no second run is started")
    submit.add_argument("--dry-run", action="store_true", help="only print the request; upload and start nothing")
    submit.add_argument("job", choices=JOBS, metavar="job", help=f"one of {', '.join(JOBS)}")
    submit.add_argument("flags", nargs=argparse.REMAINDER, help="the job's own flags")
    status = _add_for_run(commands, "status", _status, "print a run's state and attempts; exit with 1 if it failed")
    status.add_argument("--wait", action="store_true", help="until the run has ended")
    logs = _add_for_run(commands, "logs", _logs, "print what the driver wrote, or where to read it")
    logs.add_argument("--stdout", action="store_true", help="what it printed, in place of its messages on stderr")
    logs.add_argument("--attempt", type=int, help="which attempt's; by default the latest one's")
    cancel = _add_for_run(commands, "cancel", _cancel, "have a run end after its batch")
    cancel.add_argument(
        "--grace-seconds", type=int, default=_GRACE_SECONDS, help="when to end it by force: 15 to 1800, or 0 for now"
    )
    return parser


def main(argv: Sequence[str] | None = None, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Run a command and return its exit code. `sleep` takes seconds; it's what `status --wait` waits with."""
    args = make_parser().parse_args(argv, argparse.Namespace(sleep=sleep))
    try:
        code: int = args.run(args)
    except EventLakeError as error:
        print(f"infra.emr {args.command}: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"infra.emr {args.command}: stopped", file=sys.stderr)
        return STOPPED
    return code


def _add(commands: _Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str) -> OneLineParser:
    parser = commands.add_parser(name, help=summary)
    parser.add_argument("--deployment", default="emr.toml", metavar="FILE", help="like infra/emr/emr.toml")
    parser.set_defaults(run=run)
    return parser


def _add_for_run(
    commands: _Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str
) -> OneLineParser:
    parser = _add(commands, name, run, summary)
    parser.add_argument("job_run_id", help="what submit printed")
    return parser


def _libraries_file(architecture: str) -> Path:
    return _PACKAGE.with_name(f"site_packages-{architecture.lower()}.tar.gz")


def _read(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} isn't there; run {remedy} first") from None


def _package(args: argparse.Namespace) -> int:
    _read(_PACKAGE, "make package")
    for architecture in [args.architecture] if args.architecture else ARCHITECTURES:
        content = build_libraries(_PACKAGE, architecture)
        _libraries_file(architecture).write_bytes(content)
        print(f"{_libraries_file(architecture)}: {len(content) / 1e6:.0f} MB")
    return 0


def _submit(args: argparse.Namespace) -> int:
    deployment = load_deployment(args.deployment)
    run_id = args.run_id or f"{args.job}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    run = Run(job=args.job, flags=tuple(args.flags), run_id=run_id)
    refuse_mistakes(run, deployment.conf)
    service = EmrServerless(deployment.application_id, deployment.region)
    release, architecture = service.release_and_architecture()
    refuse_old_release(release)
    artifacts = _artifacts(run, architecture, deployment)
    if not args.dry_run:
        folder = S3Folder(deployment.artifacts_uri, deployment.region)
        for artifact in artifacts:
            folder.upload(artifact)
    entry_point, package, libraries, conf = (one.uri(deployment.artifacts_uri) for one in artifacts)
    uploaded = Uploaded(entry_point=entry_point, package=package, libraries=libraries, conf=conf)
    request = start_request(deployment, run, uploaded)
    if args.dry_run:
        print(json.dumps(request, indent=2))
        return 0
    # Said before the call: if its answer is lost, the same --run-id starts no second run.
    print(f"infra.emr submit: starting --run-id {run.run_id}", file=sys.stderr)
    print(service.start(request))
    return 0


def _artifacts(run: Run, architecture: str, deployment: Deployment) -> tuple[Artifact, ...]:
    """Return the entry point, the package, its libraries, and the folder of settings."""
    entry_point = f"{run.job.replace('-', '_')}.py"
    return (
        Artifact(entry_point, _read(Path("jobs", entry_point), "this in the repository's folder, which has it,")),
        Artifact(_PACKAGE.name, _read(_PACKAGE, "make package")),
        Artifact("site_packages.tar.gz", _read(_libraries_file(architecture), "python -m infra.emr package")),
        Artifact(f"{deployment.conf}.tar.gz", archive(Path(deployment.conf))),
    )


def _status(args: argparse.Namespace) -> int:
    deployment = load_deployment(args.deployment)
    service = EmrServerless(deployment.application_id, deployment.region)
    status = service.status(args.job_run_id)
    while args.wait and not status.has_ended:
        args.sleep(_POLL_SECONDS)
        status = service.status(args.job_run_id)
    if status.attempt > 1:
        for attempt in service.attempts(args.job_run_id)[:-1]:
            print(attempt)
    print(status)
    return status.exit_code


def _logs(args: argparse.Namespace) -> int:
    deployment = load_deployment(args.deployment)
    service = EmrServerless(deployment.application_id, deployment.region)
    if deployment.logs_uri is None:
        print(service.dashboard(args.job_run_id))
        return 0
    run = f"applications/{deployment.application_id}/jobs/{args.job_run_id}"
    attempt = f"attempts/{args.attempt or service.status(args.job_run_id).attempt}"
    name = f"SPARK_DRIVER/{'stdout' if args.stdout else 'stderr'}"
    folder = S3Folder(deployment.logs_uri, deployment.region)
    # Only a run that may be started again has a folder for each attempt.
    found = [*folder.read_all(f"{run}/{attempt}/{name}"), *folder.read_all(f"{run}/{name}")]
    if not found:
        problem = f"has no {name} of {args.job_run_id}; EMR writes it some time after the driver has started"
        raise UserError(f"{deployment.logs_uri} {problem}")
    for content in found:
        sys.stdout.write(gzip.decompress(content).decode("utf-8", "replace"))
    return 0


def _cancel(args: argparse.Namespace) -> int:
    if args.grace_seconds != 0 and not 15 <= args.grace_seconds <= 1800:
        raise UserError(f"--grace-seconds {args.grace_seconds}: EMR Serverless takes 15 to 1800, or 0")
    deployment = load_deployment(args.deployment)
    service = EmrServerless(deployment.application_id, deployment.region)
    service.cancel(cancel_request(deployment, args.job_run_id, args.grace_seconds))
    print(f"{args.job_run_id} is asked to end within {args.grace_seconds} s; status --wait tells when it has")
    return 0


if __name__ == "__main__":
    sys.exit(main())
