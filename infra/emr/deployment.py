"""Read the settings of a deployment on EMR Serverless: the application, its role, and where its files lie in S3."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from event_lake.config.lake_root import find_problem, scheme_of
from event_lake.config.parsing import unusable
from event_lake.config.toml import read_table, read_toml

# What `requests.start_request` gives to spark-submit.
_SET_BY_SUBMIT = (
    r"spark\.(?:jars|archives|submit\.pyFiles|(?:emr-serverless\.driverEnv|executorEnv)"
    r"\.(?:PYTHONPATH|PYSPARK_PYTHON|PYSPARK_DRIVER_PYTHON|AWS_DEFAULT_REGION))"
)
# The oldest release with Spark 4.1, which is the oldest Spark that Event Lake runs on. Source: EMR's release notes.
_OLDEST = (8, 2, 0)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What `infra/emr/emr.toml` explains: an application in an account of AWS, and how job runs are started on it.

    `spark` holds Spark's own settings by their full names. Raise ConfigError for a value that can't be used.
    """

    application_id: str
    region: str
    execution_role_arn: str
    artifacts_uri: str
    logs_uri: str | None = None
    log_group: str | None = None
    conf: str = "conf"
    max_failed_attempts_per_hour: int = 3
    tags: Mapping[str, str] = field(default_factory=dict)
    spark: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The patterns are those of EMR Serverless' API reference, StartJobRun.
        _refuse_unlike("application_id", self.application_id, "[0-9a-z]{1,64}", "00f1abcdefgh2i0j")
        _refuse_unlike("region", self.region, "[a-z0-9-]+", "eu-central-1")
        role = "arn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/.+"
        _refuse_unlike("execution_role_arn", self.execution_role_arn, role, "arn:aws:iam::123456789012:role/name")
        for key in ("artifacts_uri", "logs_uri"):
            uri = getattr(self, key)
            if uri is not None and (scheme_of(uri) != "s3" or find_problem(uri)):
                raise unusable(key, uri, 'no folder in S3; write it like "s3://bucket/folder", without "/" at its end')
        if self.log_group is not None:
            _refuse_unlike("log_group", self.log_group, r"[\w./#-]{1,512}", "/event-lake/emr")
        # It becomes the name of a folder where the job runs, behind a "#".
        _refuse_unlike("conf", self.conf, r"[\w-][\w.-]*", "conf")
        if not 1 <= self.max_failed_attempts_per_hour <= 10:
            limit = "EMR Serverless takes 1 to 10"
            raise unusable("max_failed_attempts_per_hour", self.max_failed_attempts_per_hour, limit)
        for key, value in self.tags.items():
            _refuse_unlike(f"tags.{key}", value, r"[\w /.:=+@-]{0,256}", "event-lake")
        for key in self.spark:
            _refuse_unlike("spark", key, r"spark\.\S+", "spark.executor.cores")
            if re.fullmatch(_SET_BY_SUBMIT, key):
                raise unusable("spark", key, "submit sets it, and its own value would win; leave the key out")


def load_deployment(path: str) -> Deployment:
    """Return the deployment that the TOML file at `path` tells. Raise ConfigError if it can't be read or used."""
    return read_table(Deployment, read_toml(path, f"--deployment {path}", "infra/emr/emr.toml"))


def refuse_old_release(label: str) -> None:
    """Raise ConfigError for the label of a release that has another Spark than the jobs run on, or an older one."""
    release = re.match(r"emr-spark-(\d+)\.(\d+)\.(\d+)(?!\d)", label)
    if not release or tuple(map(int, release.groups())) < _OLDEST:
        oldest = f"emr-spark-{'.'.join(map(str, _OLDEST))}"
        problem = f"Event Lake needs {oldest} or newer, which has Spark 4.1; make an application of that release"
        raise unusable("release label", label, problem)


def _refuse_unlike(key: str, value: str, pattern: str, example: str) -> None:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise unusable(key, value, f'write it like "{example}"')
