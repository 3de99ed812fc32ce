package eventlake.s3;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
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
      if (!files.hasPathCapability(path, ConditionalWrites.ONLY_IF_NEW)) {
        return super.createAtomic(path, overwrite);
      }
      return overwrite ? new WholeFile(ConditionalWrites.open(files, path, true)) : new NewFile(files, path);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** A file that may replace another one: state, or a checksum of Delta's. */
  private static final class WholeFile extends CheckpointFileManager.CancellableFSDataOutputStream {
    private final FSDataOutputStream stream;

    WholeFile(FSDataOutputStream stream) {
      super(stream);
      this.stream = stream;
    }

    @Override
    public void cancel() {
      stream.abort();
    }
  }

  /**
   * A short file of which there must be one writer: the offset or the commit of a batch.
   *
   * <p>An offset has the time of its batch, so another driver's differs. A commit of the same batch may be the same,
   * and then both drivers have done that batch.
   */
  private static final class NewFile extends CheckpointFileManager.CancellableFSDataOutputStream {
    private final FileSystem files;
    private final Path path;
    private final ByteArrayOutputStream content;
    private boolean ended;

    NewFile(FileSystem files, Path path) {
      this(files, path, new ByteArrayOutputStream());
    }

    private NewFile(FileSystem files, Path path, ByteArrayOutputStream content) {
      super(content);
      this.files = files;
      this.path = path;
      this.content = content;
    }

    @Override
    public void close() throws IOException {
      if (!ended) {
        ended = true;
        if (!ConditionalWrites.write(files, path, content.toByteArray(), false)) {
          throw new FileAlreadyExistsException(path + " is there already: another query uses this checkpoint");
        }
      }
    }

    @Override
    public void cancel() {
      ended = true;
    }
  }
}
