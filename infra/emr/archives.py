"""Build the archives that EMR Serverless unpacks for driver and executors: libraries, and a folder of settings."""

import gzip
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from event_lake.errors import UserError

# The Python of the release for which compiled libraries are fetched, and the systems whose libraries run on its Amazon
# Linux 2023 (glibc 2.34), by the architecture of an application.
_PYTHON = "3.11"
_PLATFORMS: Mapping[str, tuple[str, ...]] = {
    architecture: tuple(f"manylinux_2_{glibc}_{machine}" for glibc in range(34, 16, -1))
    for architecture, machine in (("X86_64", "x86_64"), ("ARM64", "aarch64"))
}
ARCHITECTURES = tuple(_PLATFORMS)
# The release brings Delta's jars alone. This is the Python in front of them, which needs nothing but PySpark.
_DELTA = "delta-spark==4.2.0"

# What no job loads: with other services' data, half of the archive. pyarrow's other libraries are bound to each other.
_LEFT_OUT = ("pyarrow/*flight*", "pyarrow/*s3*", "pyarrow/include/*", "pyarrow/tests/*")
# botocore has a folder for each service of AWS.
_SERVICE = re.compile(r"botocore/data/([^/]+)/.+")
SERVICES = frozenset({"cloudwatch", "kinesis", "s3", "sts"})


def requirements_of(package: Path) -> list[str]:
    """Return what the package at `package`, a wheel or its copy, says that it needs beside Spark, like "orjson>=3"."""
    with zipfile.ZipFile(package) as files:
        [metadata] = (files.read(name).decode() for name in files.namelist() if name.endswith(".dist-info/METADATA"))
    return [need for need in re.findall("^Requires-Dist: (.+)$", metadata, re.MULTILINE) if "extra ==" not in need]


def build_libraries(package: Path, architecture: str) -> bytes:
    """Return a .tar.gz of the libraries that `package` needs, for the Python of EMR's release on `architecture`.

    pip fetches them. Raise UserError if it can't.
    """
    with TemporaryDirectory() as folder:
        platforms = [word for platform in _PLATFORMS[architecture] for word in ("--platform", platform)]
        chosen = [*platforms, "--implementation", "cp", "--python-version", _PYTHON, "--only-binary=:all:"]
        _install(folder, [*chosen, *requirements_of(package)])
        _install(folder, ["--no-deps", _DELTA])
        return archive(Path(folder), is_unused)


def _install(folder: str, words: Sequence[str]) -> None:
    # Compiled by another Python, the files would only be larger.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", folder, *words]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"pip can't fetch {' '.join(words[-3:])}: {problem}; is there a network?")


def archive(folder: Path, is_left_out: Callable[[str], bool] = lambda _: False) -> bytes:
    """Return a .tar.gz of the files in `folder` whose names in it aren't `is_left_out`.

    The same files make the same bytes at any time and in any folder, so that they have the same place in S3.
    """
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as files,
    ):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not is_left_out(name):
                content = path.read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o755 if path.stat().st_mode & 0o100 else 0o644
                files.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def is_unused(name: str) -> bool:
    """True for the name of a file below the libraries' folder that no job loads."""
    service = _SERVICE.fullmatch(name)
    return any(fnmatch(name, pattern) for pattern in _LEFT_OUT) or bool(service and service[1] not in SERVICES)
