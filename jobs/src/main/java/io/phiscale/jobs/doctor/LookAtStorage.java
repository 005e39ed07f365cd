package io.phiscale.jobs.doctor;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Reads and writes where a job will; from the driver, or from an executor. */
final class LookAtStorage implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final byte[] PROBE = "phiscale doctor".getBytes(StandardCharsets.UTF_8);

  private final Storage storage;

  LookAtStorage(Storage storage) {
    this.storage = storage;
  }

  /** Whether something lies there and can be read. */
  Finding read(String key, URI location) {
    String subject = "read " + key;
    try {
      if (!storage.exists(location)) {
        return Finding.failed(
            subject, "nothing at " + location, "set " + key + " to where the images lie");
      }
      if (storage.isDirectory(location)) {
        return Finding.ok(subject, location + " (folder)");
      }
      int first =
          storage.within(
              "Cannot read",
              location,
              () -> {
                try (var in = storage.open(location)) {
                  return in.read();
                }
              });
      return first < 0
          ? Finding.failed(subject, location + " has no bytes", "copy it again")
          : Finding.ok(
              subject,
              String.format(
                  Locale.ROOT,
                  "%s (%,.1f MiB)",
                  location,
                  storage.length(location) / (double) (1 << 20)));
    } catch (IOException e) {
      return failed(subject, location, e);
    }
  }

  /** Whether a file can be written there, read back, and removed. */
  Finding write(String key, URI folder, String name) {
    String subject = "write " + key;
    URI probe = Storage.resolve(folder, ".phiscale-doctor-" + name);
    try {
      storage.writeAtomically(probe, PROBE);
      byte[] back = storage.readFully(probe);
      storage.delete(probe);
      return Arrays.equals(back, PROBE)
          ? Finding.ok(subject, folder.toString())
          : Finding.failed(
              subject,
              String.format("%s gives back other bytes than were written", folder),
              "ask whoever keeps the store");
    } catch (IOException e) {
      return failed(subject, folder, e);
    }
  }

  /** The nearest folder that is there already. */
  URI existing(URI folder) throws IOException {
    Path path = new Path(folder);
    while (path.getParent() != null && !storage.exists(path.toUri())) {
      path = path.getParent();
    }
    return path.toUri();
  }

  /**
   * Leaves nothing behind: folders that the probes made go again, as long as nobody used them.
   *
   * @param stays the nearest folder that was there before
   */
  void removeEmpty(URI folder, URI stays) throws IOException {
    FileSystem fileSystem = storage.fileSystem(folder);
    Path existing = new Path(stays);
    Path path = new Path(folder);
    while (!path.equals(existing)
        && path.getParent() != null
        && storage.exists(path.toUri())
        && storage.list(path.toUri()).isEmpty()) {
      Path empty = path;
      // Not what somebody has put there since.
      storage.within("Cannot delete", path.toUri(), () -> fileSystem.delete(empty, false));
      path = path.getParent();
    }
  }

  private Finding failed(String subject, URI location, IOException failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String cause = failure.getMessage();
    String last = root.getMessage() == null ? root.toString() : root.getMessage();
    String detail = cause == null ? last : cause.contains(last) ? cause : cause + ": " + last;
    return Finding.failed(
        subject, location + ": " + detail.lines().findFirst().orElse(""), advice(location, detail));
  }

  private String advice(URI location, String detail) {
    if (!"s3a".equals(location.getScheme())) {
      return "check the path, its permissions and the disk";
    }
    Map<String, String> entries = storage.entries();
    String endpoint = entries.getOrDefault("fs.s3a.endpoint", "AWS");
    String where = String.format("endpoint %s, bucket %s: ", endpoint, location.getHost());
    String lower = detail.toLowerCase(Locale.ROOT);
    if (lower.contains("signaturedoesnotmatch") || lower.contains("signature")) {
      return where + "storage.s3.secret-key is wrong";
    }
    if (lower.contains("invalidaccesskeyid") || lower.contains("access key id")) {
      return where + "storage.s3.access-key is unknown there";
    }
    if (lower.contains("expired")) {
      return where + "the credentials have expired: get new ones";
    }
    if (lower.contains("nosuchbucket") || lower.contains("bucket does not exist")) {
      return where + "there is no such bucket: make it, or mend the name";
    }
    if (lower.contains("unable to load credentials") || lower.contains("no aws credentials")) {
      return where + "set storage.s3.access-key and secret-key, or AWS_ACCESS_KEY_ID";
    }
    if (lower.contains("403") || lower.contains("forbidden") || lower.contains("accessdenied")) {
      return where + "check storage.s3.access-key, secret-key and the bucket's policy";
    }
    if (lower.contains("unknownhost") || lower.contains("refused") || lower.contains("connect")) {
      return where + "nothing answers: check storage.s3.endpoint, ssl and path-style";
    }
    return where + "check storage.s3.*";
  }
}
