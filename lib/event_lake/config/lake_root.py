"""Tell where `lake.root` lies, for tables, checkpoints and leases alike. Pure.

A root with a scheme, like "s3://bucket/lake" or "hdfs:/lake", lies in that file system. Any other root is a folder on
the local disk; `lake.session.lake_session` refuses it where Spark would take it elsewhere.
"""

import os
import re
from pathlib import Path

_S3 = ("s3", "s3a")
# For these a colon without a slash behind it is a mistake. In other roots, like "lake:v2/x", it's a part of a name.
_FILE_SYSTEMS = (*_S3, "s3n", "hdfs", "dbfs", "abfs", "abfss", "wasb", "wasbs", "gs")


def scheme_of(root: str) -> str | None:
    """Return the scheme of the file system in which `root` lies, like "hdfs", or None for the local disk."""
    match = re.match(r"([a-z][a-z0-9+.-]+):/", root)
    return match[1] if match else None


def lies_in_s3(root: str) -> bool:
    """True if `root` lies in S3."""
    return scheme_of(root) in _S3


def bucket_and_folder(root: str) -> tuple[str, str]:
    """Return the bucket of a root in S3, and the folder in it, which is "" for the whole bucket."""
    bucket, _, folder = root.partition("://")[2].partition("/")
    return bucket, folder


def absolute_root(root: str) -> str:
    """Return the root as the path that Spark and Delta take: with a scheme, or an absolute path of the local disk."""
    if scheme_of(root) is not None:
        return root
    # Delta would take a relative path for the name of a table in the catalog. Hadoop resolves ".." in the text of a
    # path, without a look at links, so everybody must.
    return os.path.normpath(Path(root).absolute())


def find_problem(root: str) -> str | None:
    """Return why a root can't be used, with the remedy, or None if it can."""
    scheme, colon, path = root.partition(":")
    is_file = scheme.lower() == "file" and colon
    # To Hadoop, what stands behind two slashes at the beginning is a host.
    if not root or root != root.strip() or root.endswith("/") or root.startswith("//") or "`" in root or is_file:
        return (
            'no folder; write it like "lake" or "s3://bucket/lake", without "file:", "`", blanks around it, and "/" at'
            " its end"
        )
    if re.match(r"[A-Za-z]:[/\\]", root):
        return "a drive of Windows, where Event Lake doesn't run"
    if not colon or "/" in scheme:
        return None
    return _find_problem_of_uri(scheme, path)


def _find_problem_of_uri(scheme: str, path: str) -> str | None:
    if scheme in _S3 and not re.match("//[^/]", path):
        return 'names no bucket; write it like "s3://bucket/lake"'
    if not path.startswith("/"):
        is_meant = scheme.lower() in _FILE_SYSTEMS
        return 'no "/" stands after the colon; write it like "hdfs:/lake"' if is_meant else None
    if scheme_of(f"{scheme}:/") is None:
        return 'no file system\'s name stands before the colon; write it in lower case, like "s3://bucket/lake"'
    _, *folders = path.removeprefix("//").split("/")
    if not {"", ".", ".."}.isdisjoint(folders):
        # Hadoop leaves these out and S3 doesn't: the tables would be one lake's, and the leases two lakes'.
        return 'the lake would have two names; write it without "//", "." and ".." between its folders'
    return None


def plain_path(uri: str) -> str:
    """Return the URI of a file or folder on the local disk as a plain path, and any other text as it is."""
    return re.sub(r"^file:(?://)?(?=/)", "", uri)
