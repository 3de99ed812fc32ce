package eventlake.s3;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log in S3, where S3 decides which of two drivers commits a version.
 *
 * <p>Delta's own log store looks whether the commit's file is there, and then writes it: of two drivers that do so at
 * once, one overwrites the commit of the other. Here a commit is a single request that S3 carries out only if there is
 * no such file. The driver that was refused commits again, as the next version.
 */
public class ConditionalLogStore extends S3SingleDriverLogStore {
  public ConditionalLogStore(Configuration conf) {
    super(conf);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      lines.write((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    // A commit names its transaction, so no other has the same content.
    if (!ConditionalWrites.write(path.getFileSystem(conf), path, lines.toByteArray(), overwrite)) {
      throw new FileAlreadyExistsException(path.toString());
    }
  }
}
