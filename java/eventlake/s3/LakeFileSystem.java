package eventlake.s3;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.util.Progressable;

/**
 * Hadoop's file system for S3, which asks nothing about a table's files that is known already.
 *
 * <p>A data file has a random name and is never changed, and a commit of Delta's log is never changed. So a data file
 * is written without a look whether it is there, and what is known of both kinds is kept: where Hadoop needs one PUT,
 * three HEAD and one LIST to write a data file and a HEAD each time that it reads one, this needs one PUT, and one HEAD
 * for each file of others. All other files are Hadoop's.
 */
public class LakeFileSystem extends S3AFileSystem {
  private static final Pattern DATA_FILE = Pattern.compile("part-[0-9]+-[0-9a-f-]{36}[^/]*\\.parquet");
  private static final Pattern COMMIT = Pattern.compile("[0-9]{20}\\.json");

  /** So many files that were used last are known, some 3 MB of them. */
  private static final int MOST_KNOWN = 10_000;

  private final Map<Path, FileStatus> known =
      Collections.synchronizedMap(
          new LinkedHashMap<>(64, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Path, FileStatus> eldest) {
              return size() > MOST_KNOWN;
            }
          });

  @Override
  public FSDataOutputStream create(
      Path path,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    if (!DATA_FILE.matcher(path.getName()).matches()) {
      return super.create(path, permission, overwrite, bufferSize, replication, blockSize, progress);
    }
    return new FSDataOutputStream(new DataFile(makeQualified(path), ConditionalWrites.open(this, path, true)), null);
  }

  @Override
  public FileStatus getFileStatus(Path path) throws IOException {
    if (!isNeverChanged(path)) {
      return super.getFileStatus(path);
    }
    Path qualified = makeQualified(path);
    FileStatus status = known.get(qualified);
    if (status == null) {
      status = super.getFileStatus(path);
      known.put(qualified, status);
    }
    return status;
  }

  @Override
  public boolean delete(Path path, boolean recursive) throws IOException {
    try {
      return super.delete(path, recursive);
    } finally {
      forget(path);
    }
  }

  @Override
  public boolean rename(Path from, Path to) throws IOException {
    try {
      return super.rename(from, to);
    } finally {
      forget(from);
      forget(to);
    }
  }

  /** Forgets a file, or all files of a folder. */
  private void forget(Path path) {
    Path qualified = makeQualified(path);
    if (isNeverChanged(path)) {
      known.remove(qualified);
      return;
    }
    synchronized (known) {
      known.keySet().removeIf(file -> file.toString().startsWith(qualified + "/"));
    }
  }

  private static boolean isNeverChanged(Path path) {
    return DATA_FILE.matcher(path.getName()).matches() || COMMIT.matcher(path.getName()).matches();
  }

  private final class DataFile extends FilterOutputStream {
    private final Path path;
    private final FSDataOutputStream stream;

    DataFile(Path path, FSDataOutputStream stream) {
      super(stream);
      this.path = path;
      this.stream = stream;
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      stream.write(bytes, from, count);
    }

    @Override
    public void close() throws IOException {
      long length = stream.getPos();
      stream.close();
      known.put(
          path, new FileStatus(length, false, 1, getDefaultBlockSize(path), System.currentTimeMillis(), path));
    }
  }
}
