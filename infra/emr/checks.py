"""Refuse a job run that would fail on EMR Serverless because of a mistake of the user's, before it costs anything."""

from argparse import Namespace
from importlib import import_module
from pathlib import PurePath

from event_lake.config.files import load_settings, positions_file
from event_lake.config.lake_root import lies_in_s3
from event_lake.config.parsing import unusable
from event_lake.config.settings import Settings
from event_lake.contracts.load import load_contracts
from event_lake.errors import ConfigError
from event_lake.quality.thresholds import load_rules
from infra.emr.requests import Run

# Those that write to a terminal or to a folder of this machine are no use there.
JOBS = ("ingest-raw", "build-staging", "reconcile", "check-quality")


def refuse_mistakes(run: Run, conf: str) -> None:
    """Raise ConfigError for settings, contracts, thresholds or flags that the job would refuse or that can't work.

    Exit as the job does if it has no such flags. `conf` is the folder that is uploaded, with everything that the job
    reads beside tables.
    """
    command = import_module(f"event_lake.commands.{run.job.replace('-', '_')}")
    args = command.make_parser(f"event-lake {run.job}").parse_args(run.flags)
    if args.run_id is not None:
        raise unusable("--run-id", args.run_id, "it's a flag of submit; put it before the job's name")
    _refuse_elsewhere("--config", args.config, conf)
    if (positions := positions_file(args.config, args.set)) is not None:
        _refuse_elsewhere("source.start_from", positions, conf)
    settings = load_settings(args.config, args.set)
    _refuse_places(settings)
    if run.job == "build-staging" and settings.staging.contracts is not None:
        _refuse_elsewhere("staging.contracts", settings.staging.contracts, conf)
        load_contracts(settings.staging.contracts)
    if run.job == "check-quality":
        _refuse_elsewhere("quality.thresholds", settings.quality.thresholds, conf)
        load_rules(settings.quality.thresholds)
    if run.is_streaming:
        command.check_pace(settings)
        _refuse_repetition(args)


def _refuse_elsewhere(key: str, path: str, conf: str) -> None:
    parts = PurePath(path).parts
    if parts[:1] != (conf,) or ".." in parts:
        raise unusable(key, path, f"only the folder {conf!r} is uploaded; put it there, and write it like {conf}/…")


def _refuse_places(settings: Settings) -> None:
    if not lies_in_s3(settings.lake.root):
        problem = 'it would be lost with the machine that runs the job; write it like "s3://bucket/lake"'
        raise unusable("lake.root", settings.lake.root, problem)
    if "spark.master" in settings.spark:
        problem = "EMR Serverless decides about it; leave the key out"
        raise unusable('spark."spark.master"', settings.spark["spark.master"], problem)


def _refuse_repetition(args: Namespace) -> None:
    # An attempt that is started again has the same flags: it would refuse a second --acknowledge, and put the
    # checkpoint aside again.
    for flag, is_given in (("--acknowledge", args.acknowledge), ("--new-checkpoint", args.new_checkpoint)):
        if is_given:
            raise ConfigError(
                f"{flag}: EMR Serverless would repeat it whenever it starts the stream again; submit it once with"
                " --until-caught-up, and then the stream without it"
            )
