package eventlake.s3;

import java.io.IOException;
import java.util.Arrays;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;

/** Files that appear in S3 as a whole when their stream is closed, each for a single PUT. */
final class ConditionalWrites {
  /** Hadoop 3.4.2's and later option: S3 itself refuses the file if there is one of its name. */
  static final String ONLY_IF_NEW = "fs.option.create.conditional.overwrite";

  /** Hadoop's option not to look whether there is a file, or a folder, of this name. */
  static final String WITHOUT_A_LOOK = "fs.s3a.create.performance";

  private ConditionalWrites() {}

  /**
   * Returns a stream to write a file.
   *
   * <p>Unless {@code overwrite}, its {@code close} fails if there is a file of this name by then, whoever wrote it.
   */
  static FSDataOutputStream open(FileSystem files, Path path, boolean overwrite) throws IOException {
    FSDataOutputStreamBuilder<?, ?> builder = files.createFile(path).overwrite(true);
    builder.must(overwrite ? WITHOUT_A_LOOK : ONLY_IF_NEW, true);
    return builder.build();
  }

  /**
   * Writes a whole file, and returns true if it holds this content then; false if S3 refused it.
   *
   * <p>S3 also refuses a file that an earlier attempt of the same writer brought there, if the answer to that attempt
   * was lost and the request is sent again. Then the file is the writer's own.
   */
  static boolean write(FileSystem files, Path path, byte[] content, boolean overwrite) throws IOException {
    FSDataOutputStream stream = open(files, path, overwrite);
    try {
      stream.write(content);
    } catch (IOException | RuntimeException failed) {
      // To close it would bring a part of the content into S3.
      stream.abort();
      throw failed;
    }
    try {
      stream.close();
      return true;
    } catch (RemoteFileChangedException refused) {
      return isHeld(files, path, content);
    }
  }

  private static boolean isHeld(FileSystem files, Path path, byte[] content) throws IOException {
    try (FSDataInputStream file = files.open(path)) {
      return Arrays.equals(file.readAllBytes(), content);
    }
  }
}
