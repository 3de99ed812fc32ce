package eventlake.s3;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager;
import org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager;

/**
 * Writes the files of a streaming query's checkpoint to S3, each by a single request.
 *
 * <p>Spark writes such a file under another name and renames it. S3 has no renaming: Hadoop copies the file and deletes
 * the first one, after some twenty looks at both names. A file of S3 is only there when it is whole, so it needs no
 * other name; and S3 refuses it if there is one already, which is how Spark notices a second driver on its checkpoint.
 * In other file systems the files are written as Spark does.
 */
public class ConditionalCheckpoints extends FileSystemBasedCheckpointFileManager {
  private final FileSystem files;

  public ConditionalCheckpoints(Path path, Configuration conf) throws IOException {
    super(path, conf);
    files = path.getFileSystem(conf);
  }

  @Override
  public CheckpointFileManager.CancellableFSDataOutputStream createAtomic(Path path, boolean overwrite) {
    try {
      return files.hasPathCapability(path, ConditionalWrites.ONLY_IF_NEW)
          ? new WholeFile(path, ConditionalWrites.open(files, path, overwrite))
          : super.createAtomic(path, overwrite);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static final class WholeFile extends CheckpointFileManager.CancellableFSDataOutputStream {
    private final Path path;
    private final FSDataOutputStream stream;

    WholeFile(Path path, FSDataOutputStream stream) {
      super(stream);
      this.path = path;
      this.stream = stream;
    }

    @Override
    public void close() throws IOException {
      try {
        stream.close();
      } catch (RemoteFileChangedException refused) {
        throw new FileAlreadyExistsException(path + " is there already: another query uses this checkpoint");
      }
    }

    @Override
    public void cancel() {
      stream.abort();
    }
  }
}
