package eventlake.s3;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;

/**
 * Delta's log in S3, where S3 decides which of two drivers commits a version.
 *
 * <p>Delta's own log store looks whether the commit's file is there, and then writes it: of two drivers that do so at
 * once, one overwrites the commit of the other. Here a commit is a single request that S3 carries out only if there is
 * no such file. Delta repeats the other driver's commit as the next version.
 */
public class ConditionalLogStore extends S3SingleDriverLogStore {
  public ConditionalLogStore(Configuration conf) {
    super(conf);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
    FileSystem files = path.getFileSystem(conf);
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      lines.write((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    byte[] content = lines.toByteArray();
    try (FSDataOutputStream stream = ConditionalWrites.open(files, path, overwrite)) {
      stream.write(content);
    } catch (RemoteFileChangedException refused) {
      // A commit names its transaction, so no other has the same content.
      if (!ConditionalWrites.isHeld(files, path, content)) {
        throw new FileAlreadyExistsException(path.toString());
      }
    }
  }
}
