"""Small files of our own beside Spark's, through the same file systems of Hadoop: on a disk, in S3, on HDFS."""

from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession


class HadoopFiles:
    """The files of the storage where `path` lies; each is named by its whole path. Raises OSError where one fails."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 (PySpark has no other way to Hadoop's file systems)
        self._path = jvm.org.apache.hadoop.fs.Path
        self._io = jvm.org.apache.commons.io.IOUtils
        self._files = self._path(path).getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())  # noqa: SLF001

    def exists(self, path: str) -> bool:
        """Whether there's such a file or folder."""
        return bool(self._files.exists(self._path(path)))

    def names(self, folder: str) -> list[str]:
        """Return the names of the files and folders in a folder; none where there's no such folder."""
        found = self._files.listStatus(self._path(folder)) if self.exists(folder) else []
        return [str(file.getPath().getName()) for file in found]

    def numbers(self, folder: str) -> list[int]:
        """Return the numbers that files in a folder have for names."""
        return [int(name) for name in self.names(folder) if name.isdecimal()]

    def read(self, path: str) -> str:
        """The text of a file."""
        try:
            stream = self._files.open(self._path(path))
            try:
                return str(self._io.toString(stream, "UTF-8"))
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise OSError(error.java_exception.getClass().getSimpleName()) from error

    def write(self, path: str, text: str) -> None:
        """Have a file with this text; a crash may leave a part of it."""
        stream = self._files.create(self._path(path), True)  # noqa: FBT003 (in place of what a crash left)
        try:
            self._io.write(text, stream, "UTF-8")
        finally:
            stream.close()

    def put(self, path: str, text: str) -> None:
        """Have a file with this text; it's there whole or not at all."""
        folder, _, name = path.rpartition("/")
        written = f"{folder}/.{name}"
        self.write(written, text)
        self.delete(path)
        self.rename(written, path)

    def delete(self, path: str) -> None:
        """Have a file no more."""
        self._files.delete(self._path(path), False)  # noqa: FBT003 (Java has no names: not what is in it)

    def rename(self, path: str, new_path: str) -> None:
        """Give a file or folder a path that is free."""
        if not self._files.rename(self._path(path), self._path(new_path)):
            raise OSError(f"{path} can't be renamed to {new_path}")
