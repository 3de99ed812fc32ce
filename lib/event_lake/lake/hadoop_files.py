"""Read and write small files through Hadoop's file systems, which Spark uses too: on a disk, in S3, on HDFS."""

import uuid
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

# Hadoop's `Options.CreateFileOptionKeys`: a file is made when its stream is closed, if there's no other then.
_IF_NONE = "fs.option.create.conditional.overwrite"


def default_file_system(spark: SparkSession) -> str:
    """Return the URI of the file system on which Spark looks for a path without a scheme, like "hdfs://name:8020".

    An absolute path may be put behind it. The local disk is "file:". Nothing is opened.
    """
    jvm: Any = spark._jvm  # noqa: SLF001 (PySpark has no other way to Hadoop's file systems)
    uri = jvm.org.apache.hadoop.fs.FileSystem.getDefaultUri(_hadoop_conf(spark))
    authority = uri.getAuthority()
    return f"{uri.getScheme()}:" if authority is None else f"{uri.getScheme()}://{authority}"


def _hadoop_conf(spark: SparkSession) -> Any:
    return spark._jsparkSession.sessionState().newHadoopConf()  # noqa: SLF001 (Spark's and Delta's own)


class HadoopFiles:
    """The files of the file system that `path` lies on. Each method takes whole paths.

    `read` raises OSError if it fails, and `rename` if Hadoop refuses. Any other failure is a Py4JJavaError. For a file
    system that Spark can't use, the constructor raises that or an IllegalArgumentException.
    """

    def __init__(self, spark: SparkSession, path: str) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 (PySpark has no other way to Hadoop's file systems)
        self._path = jvm.org.apache.hadoop.fs.Path
        self._io = jvm.org.apache.commons.io.IOUtils
        self._files = self._path(path).getFileSystem(_hadoop_conf(spark))

    def exists(self, path: str) -> bool:
        """True if there is a file or folder at `path`."""
        return bool(self._files.exists(self._path(path)))

    def names(self, folder: str) -> list[str]:
        """Return the names of the files and folders in a folder, or none if there is no such folder."""
        files = self._files.listStatus(self._path(folder)) if self.exists(folder) else []
        return [str(file.getPath().getName()) for file in files]

    def numbers(self, folder: str) -> list[int]:
        """Return the names of the files in a folder that are numbers."""
        return [int(name) for name in self.names(folder) if name.isdecimal()]

    def read(self, path: str) -> str:
        """Return the text of a file."""
        try:
            stream = self._files.open(self._path(path))
            try:
                return str(self._io.toString(stream, "UTF-8"))
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise OSError(error.java_exception.getClass().getSimpleName()) from error

    def write(self, path: str, text: str) -> None:
        """Write `text` to a file, in place of one that is there. A crash may leave a part of the text."""
        stream = self._files.create(self._path(path), True)  # noqa: FBT003 (Java has no named arguments: overwrite)
        try:
            self._io.write(text, stream, "UTF-8")
        finally:
            stream.close()

    def put(self, path: str, text: str) -> None:
        """Write `text` to a file. A crash may leave no file, not even one from before, but never a part of the text."""
        folder, _, name = path.rpartition("/")
        written = f"{folder}/.{name}"
        self.write(written, text)
        self.delete(path)
        self.rename(written, path)

    def delete(self, path: str) -> None:
        """Delete a file, if it's there."""
        self._files.delete(self._path(path), False)  # noqa: FBT003 (Java has no named arguments: recursive)

    def delete_folder(self, path: str) -> None:
        """Delete the folder with all that is in it, if it exists."""
        self._files.delete(self._path(path), True)  # noqa: FBT003 (Java has no names: with what is in it)

    def rename(self, path: str, new_path: str) -> None:
        """Rename a file or folder to `new_path`, which must be free."""
        if not self._files.rename(self._path(path), self._path(new_path)):
            raise OSError(f"{path} can't be renamed to {new_path}")

    def knows_conditions(self, path: str) -> bool:
        """True if the file system says that `put_on_condition` works at `path`."""
        return bool(self._files.hasPathCapability(self._path(path), _IF_NONE))

    def put_on_condition(self, path: str, text: str) -> bool:
        """Write `text` to a file if there's none, and return whether there was none. Ask `knows_conditions` first.

        Of several that do so at once one succeeds. If one's answer is lost, it may take its own file for another's.
        """
        try:
            stream = self._files.createFile(self._path(path)).must(_IF_NONE, "true").recursive().build()
            self._io.write(text, stream, "UTF-8")
            stream.close()
        except Py4JJavaError:
            # The exception's class depends on how two writers met.
            if self.exists(path):
                return False
            raise
        return True

    def put_by_rename(self, path: str, text: str) -> bool:
        """Write `text` to a file if there's none, and return whether there was none.

        Of several that do so at once one succeeds, on a file system that renames in one step and never onto a file.
        """
        folder, _, name = path.rpartition("/")
        written = f"{folder}/.{name}.{uuid.uuid4().hex}"
        self.write(written, text)
        was_free = bool(self._files.rename(self._path(written), self._path(path)))
        if not was_free:
            self.delete(written)
        return was_free
