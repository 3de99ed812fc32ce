"""Say in one line which package a Python lacks that the jobs need, and how to install it."""

import re
from socket import gethostname

from event_lake.errors import UserError

# What to install for a module: setup.py's requirements, and what else a cluster must bring.
INSTALLED_AS = {
    "boto3": "boto3>=1.44,<2",
    "botocore": "boto3>=1.44,<2",
    "orjson": "orjson>=3.10,<4",
    "pyarrow": "pyarrow>=18",
    "pyspark": "pyspark>=4.1,<4.3",
    "delta": "delta-spark>=4.3",
}
_IN_TRACEBACK = re.compile(
    rf"^ModuleNotFoundError: No module named '({'|'.join(INSTALLED_AS)})(?:\.[\w.]+)?'$", re.MULTILINE
)


def missing_here(module: str) -> UserError:
    """Return the error that this process lacks `module`, which is one of `INSTALLED_AS`."""
    return _missing(module, f"Python on {gethostname()}")


def missing_in_traceback(text: str) -> UserError | None:
    """Return the error that a process of Spark lacks a module, or None if the text of its traceback doesn't say so.

    The text doesn't tell the machine. Spark runs such processes on executors, and the source's planner on the driver.
    """
    found = _IN_TRACEBACK.findall(text)
    return _missing(found[-1], "the Python that Spark starts for its tasks (PYSPARK_PYTHON)") if found else None


def _missing(module: str, whose: str) -> UserError:
    package = INSTALLED_AS[module]
    name = re.split("[<>=]", package)[0]
    return UserError(f"{whose} has no {name}: install it on each machine of the cluster, like pip install '{package}'")
