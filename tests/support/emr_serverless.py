"""Stand-ins for EMR Serverless: an application in moto, and what the service does with the request for a job run."""

import os
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pyspark
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emrserverless.models import emrserverless_backends

from event_lake.config.lake_root import bucket_and_folder

_DRIVER = "spark.emr-serverless.driverEnv."


def make_application(endpoint: str, release: str, region: str = "us-east-1") -> str:
    """Make an application of any release in the moto that runs in this process at `endpoint`, and return its id."""
    client = boto3.client("emr-serverless", endpoint_url=endpoint, region_name=region)
    # moto takes only labels of older releases.
    made = client.create_application(type="SPARK", releaseLabel="emr-7.9.0", clientToken="token")
    application_id = str(made["applicationId"])
    emrserverless_backends[DEFAULT_ACCOUNT_ID][region].applications[application_id].release_label = release
    return application_id


class Worker:
    """A machine as EMR Serverless makes one: Spark, and a Python that has no package but PySpark.

    `folder` is for its files; a job runs in the folder `work` of it, and `lake` is what Spark sees at the URI `root`.
    """

    def __init__(self, folder: Path, root: str) -> None:
        self._folder, self._root = folder, root
        self.lake = folder / "lake"
        self.lake.mkdir(parents=True)
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "python"], check=True)
        self.python = str(folder / "python/bin/python")
        self._spark = folder / "spark"
        installed = Path(pyspark.__file__).parent
        # On the path of Spark's Python processes this is a folder as good as a zip.
        zipped = self._spark / "python/lib/pyspark.zip"
        zipped.mkdir(parents=True)
        (zipped / "pyspark").symlink_to(installed)
        for name in ("bin", "jars"):
            (self._spark / name).symlink_to(installed / name)
        for py4j in (installed / "python/lib").glob("py4j-*.zip"):
            (self._spark / "python/lib" / py4j.name).symlink_to(py4j)

    @property
    def had_executors(self) -> bool:
        """True if an executor was started."""
        return (self._spark / "work").exists()

    @property
    def _s3(self) -> dict[str, str]:
        """Spark's settings with which the lake's folder in S3 is one on this disk."""
        bucket, folder = bucket_and_folder(self._root)
        return {
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
            f"spark.hadoop.fs.viewfs.mounttable.{bucket}.link./{folder}": f"file://{self.lake}",
        }

    def run(self, request: Mapping[str, Any], endpoint: str) -> subprocess.CompletedProcess[str]:
        """Run what the request asks for, with the files that it names in the S3 at `endpoint`, on one executor.

        As on EMR Serverless, archives are unpacked in the driver's folder before it starts. In the executor's, Spark
        itself unpacks them. Delta's jars are those of this Spark.
        """
        submit = request["jobDriver"]["sparkSubmit"]
        words = shlex.split(submit["sparkSubmitParameters"])
        flags = dict(zip(words[::2], words[1::2], strict=True))
        defaults = {
            key: value
            for configuration in request["configurationOverrides"].get("applicationConfiguration", ())
            for key, value in configuration["properties"].items()
        }
        pairs = [word.split("=", 1) for flag, word in zip(words[::2], words[1::2], strict=True) if flag == "--conf"]
        settings = {**defaults, **dict(pairs)}
        del settings["spark.jars"]
        driver = {key.removeprefix(_DRIVER): value for key, value in settings.items() if key.startswith(_DRIVER)}
        settings = {key: value for key, value in settings.items() if not key.startswith(_DRIVER)}
        assert driver["PYSPARK_PYTHON"] == settings["spark.executorEnv.PYSPARK_PYTHON"]
        settings["spark.executorEnv.PYSPARK_PYTHON"] = self.python
        settings |= self._s3
        archives = [self._unpacked(archive, endpoint) for archive in flags["--archives"].split(",")]
        command = [str(self._spark / "bin/spark-submit"), "--master", "local-cluster[1,2,1024]"]
        command += ["--py-files", self._fetched(flags["--py-files"], endpoint), "--archives", ",".join(archives)]
        command += [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
        command += [self._fetched(submit["entryPoint"], endpoint), *submit["entryPointArguments"]]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PY")}
        # Else the executor would listen on this machine's own address.
        environment |= driver | {"SPARK_HOME": str(self._spark), "SPARK_LOCAL_IP": "127.0.0.1"}
        environment |= dict.fromkeys(("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"), self.python)
        return subprocess.run(command, cwd=self.work, env=environment, capture_output=True, text=True, check=False)

    def _fetched(self, uri: str, endpoint: str) -> str:
        bucket, key = bucket_and_folder(uri)
        path = self._folder / Path(key).name
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        path.write_bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
        return str(path)

    def _unpacked(self, archive: str, endpoint: str) -> str:
        uri, _, name = archive.partition("#")
        path = self._fetched(uri, endpoint)
        with tarfile.open(path) as files:
            files.extractall(self.work / name, filter="data")
        return f"{path}#{name}"
