"""A machine as EMR Serverless makes one, which does what the service does with the request for a job run."""

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

from event_lake.config.lake_root import bucket_and_folder

_DRIVER = "spark.emr-serverless.driverEnv."


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
        asked = _settings_of(request)
        driver = {key.removeprefix(_DRIVER): value for key, value in asked.items() if key.startswith(_DRIVER)}
        settings = {key: value for key, value in asked.items() if not key.startswith(_DRIVER)} | self._s3
        assert driver["PYSPARK_PYTHON"] == settings["spark.executorEnv.PYSPARK_PYTHON"]
        settings["spark.executorEnv.PYSPARK_PYTHON"] = self.python
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


def _settings_of(request: Mapping[str, Any]) -> dict[str, str]:
    """Return Spark's settings that a request has, but for Delta's jars."""
    words = shlex.split(request["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])
    configurations = request["configurationOverrides"].get("applicationConfiguration", ())
    defaults = {key: value for one in configurations for key, value in one["properties"].items()}
    pairs = [word.split("=", 1) for flag, word in zip(words[::2], words[1::2], strict=True) if flag == "--conf"]
    return {key: value for key, value in {**defaults, **dict(pairs)}.items() if key != "spark.jars"}
