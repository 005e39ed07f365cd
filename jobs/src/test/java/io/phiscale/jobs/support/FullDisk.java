package io.phiscale.jobs.support;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** The local file system on a disk that is full after so many more bytes. */
public final class FullDisk extends LocalFileSystem {
  private static final String ROOM = "phiscale.test.room";
  private static final String NUMBER = "phiscale.test.disk";
  private static final Path FULL = new Path("/dev/full");
  private static final AtomicLong DISKS = new AtomicLong();

  public FullDisk() {
    super(new Raw());
  }

  /** A storage on a new such disk. */
  public static Storage after(long bytes) {
    return Storage.of(
        Map.of(
            "fs.file.impl",
            FullDisk.class.getName(),
            ROOM,
            Long.toString(bytes),
            NUMBER,
            Long.toString(DISKS.incrementAndGet())));
  }

  private static final class Raw extends RawLocalFileSystem {
    private final AtomicLong room = new AtomicLong();

    @Override
    public void setConf(Configuration conf) {
      super.setConf(conf);
      if (conf != null) {
        room.set(conf.getLong(ROOM, 0));
      }
    }

    @Override
    public FSDataOutputStream create(
        Path file,
        FsPermission permission,
        boolean overwrite,
        int bufferSize,
        short replication,
        long blockSize,
        Progressable progress)
        throws IOException {
      FSDataOutputStream out =
          super.create(file, permission, overwrite, bufferSize, replication, blockSize, progress);
      // What Hadoop makes of the operating system's "no space": an Error.
      return new FSDataOutputStream(new Limited(out, append(FULL), room), null);
    }
  }

  /** Writes what there is room for, then fails as the disk would. */
  private static final class Limited extends OutputStream {
    private final OutputStream out;
    private final OutputStream full;
    private final AtomicLong room;

    Limited(OutputStream out, OutputStream full, AtomicLong room) {
      this.out = out;
      this.full = full;
      this.room = room;
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      int fits = (int) Math.min(length, room.get());
      out.write(bytes, offset, fits);
      room.addAndGet(-fits);
      if (fits < length) {
        full.write(bytes, offset + fits, length - fits);
        full.flush();
      }
    }

    @Override
    public void close() throws IOException {
      out.close();
      full.close();
    }
  }
}
