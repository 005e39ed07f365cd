package io.phiscale.pipeline.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.Serializable;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIsDirectoryException;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.StreamCapabilities;

/**
 * The file systems a run may use, as the Hadoop configuration entries that open them. It is small
 * and serializable: jobs ship it to executors, which open their own file systems from it.
 *
 * <p>File systems are kept per JVM, and per configuration entries: two storages with different
 * credentials for the same bucket never share one (Hadoop's own cache, keyed by authority alone,
 * would let the second use the first's credentials). They are closed by Hadoop when the JVM ends;
 * callers never close them.
 *
 * <p>Every I/O error names the URI. Configuration values whose keys look secret are redacted in
 * {@link #toString()}, and URIs that carry a password are refused.
 */
public final class Storage implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Where writing a whole object is atomic, and renaming is a copy. */
  private static final Set<String> OBJECT_STORES =
      Set.of("s3", "s3a", "s3n", "gs", "oss", "cosn", "obs", "swift");

  private static final List<String> SECRET_WORDS =
      List.of("secret", "key", "token", "password", "credential");

  private static final Map<Opened, FileSystem> FILE_SYSTEMS = new HashMap<>();

  /** Hadoop configuration entries on top of Hadoop's defaults, sorted by key. */
  private final TreeMap<String, String> entries;

  private transient volatile Configuration configuration;

  /** Null: as long as it takes. Not shipped. */
  private final transient Duration deadline;

  private record Opened(Map<String, String> entries, String scheme, String authority) {}

  private Storage(Map<String, String> entries, Duration deadline) {
    this.entries = new TreeMap<>(entries);
    this.deadline = deadline;
  }

  /**
   * A storage with Hadoop configuration entries such as {@code fs.s3a.endpoint}.
   *
   * @param entries added to Hadoop's defaults; may be empty
   */
  public static Storage of(Map<String, String> entries) {
    entries.forEach(
        (key, value) -> {
          if (key.isBlank()) {
            throw new IllegalArgumentException("Invalid storage key: blank");
          }
          requireNonNull(value, () -> "value of storage key " + key);
        });
    return new Storage(entries, null);
  }

  /**
   * The same storage, whose operations here end after a time, whatever the file system does: what
   * has not answered by then is left alone, and an error names it (a write may still appear, whole,
   * should the file system come back). Shipped to an executor it has no deadline: there a task's
   * own holds.
   *
   * <p>Streams that {@link #open} and {@link #create} have opened have none; {@link #within} gives
   * them one.
   *
   * @param limit of each operation, &gt; 0
   */
  public Storage withDeadline(Duration limit) {
    if (limit.isNegative() || limit.isZero()) {
      throw new IllegalArgumentException(
          "Invalid storage deadline: %s (must be > 0)".formatted(limit));
    }
    return new Storage(entries, limit);
  }

  /**
   * Does something with storage, within the deadline of this storage, if it has one.
   *
   * @param attempt what fails if it does not end, as "Cannot read"
   * @param uri of what
   * @param operation run in another thread where there is a deadline
   * @throws IOException what it throws; or naming the URI, where it does not end
   */
  public <T> T within(String attempt, URI uri, Patience.Operation<T> operation) throws IOException {
    return deadline == null
        ? operation.run()
        : Patience.within(deadline, attempt + " " + uri + by(uri), operation);
  }

  /**
   * The URI of a location as a user writes it: a URI, or a path, which becomes an absolute {@code
   * file:} URI.
   *
   * @throws IllegalArgumentException if it is blank or not a location
   */
  public static URI uri(String location) {
    if (location.isBlank()) {
      throw new IllegalArgumentException("Invalid location: blank");
    }
    URI uri = new Path(location).toUri();
    if (uri.getScheme() == null) {
      return new Path("file", null, java.nio.file.Path.of(location).toAbsolutePath().toString())
          .toUri();
    }
    return withoutPassword(uri);
  }

  /** The URI of a relative path below a directory. */
  public static URI resolve(URI directory, String relativePath) {
    return new Path(new Path(directory), new Path(null, null, relativePath)).toUri();
  }

  /** A new Hadoop configuration with this storage's entries. The caller may change it. */
  public Configuration configuration() {
    return new Configuration(sharedConfiguration());
  }

  /** The configuration entries this storage was made of, secrets included: never print them. */
  public Map<String, String> entries() {
    return Collections.unmodifiableMap(entries);
  }

  /**
   * The file system that serves a URI, opened at first use and shared within this JVM.
   *
   * @throws IOException if it cannot be opened; names the URI
   */
  public FileSystem fileSystem(URI uri) throws IOException {
    withoutPassword(uri);
    return within("Cannot open the file system of", uri, () -> opened(uri));
  }

  private FileSystem opened(URI uri) throws IOException {
    Configuration hadoop = sharedConfiguration();
    URI located = uri.getScheme() == null ? FileSystem.getDefaultUri(hadoop) : uri;
    Opened key =
        new Opened(
            entries,
            located.getScheme().toLowerCase(Locale.ROOT),
            located.getAuthority() == null ? "" : located.getAuthority());
    synchronized (FILE_SYSTEMS) {
      FileSystem open = FILE_SYSTEMS.get(key);
      if (open == null) {
        try {
          open = FileSystem.newInstance(located, hadoop);
        } catch (IOException | RuntimeException e) {
          throw new IOException(
              "Cannot open the file system of %s: %s".formatted(uri, e.getMessage()), e);
        }
        FILE_SYSTEMS.put(key, open);
      }
      return open;
    }
  }

  /**
   * Opens a file for reading from front to back.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public FSDataInputStream open(URI uri) throws IOException {
    return open(uri, ReadPolicy.SEQUENTIAL);
  }

  /**
   * Opens a file for reading.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public FSDataInputStream open(URI uri, ReadPolicy policy) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      return within(
          "Cannot open",
          uri,
          () ->
              await(
                  fileSystem
                      .openFile(new Path(uri))
                      .opt("fs.option.openfile.read.policy", policy.hadoopName())
                      .build()));
    } catch (IOException | RuntimeException e) {
      throw named("Cannot open", uri, e);
    }
  }

  /**
   * Opens a file whose content carries checksums of its own (Parquet), for reading ranges: as
   * {@link #open(URI, ReadPolicy)}, but on the local file system without Hadoop's {@code .crc} file
   * beside it, which costs a second pass over the bytes and refuses 512 of them where one is wrong.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public FSDataInputStream openSelfChecked(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    if (!(fileSystem instanceof LocalFileSystem local)) {
      return open(uri, ReadPolicy.RANDOM);
    }
    try {
      return local.getRaw().open(new Path(uri));
    } catch (IOException | RuntimeException e) {
      throw named("Cannot open", uri, e);
    }
  }

  /**
   * Creates a file, and its parent directories. On object stores the file appears when the stream
   * is closed.
   *
   * @throws IOException if the file exists; names the URI
   */
  public FSDataOutputStream create(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      return within(
          "Cannot create",
          uri,
          () -> fileSystem.createFile(new Path(uri)).overwrite(false).recursive().build());
    } catch (IOException | RuntimeException e) {
      throw named("Cannot create", uri, e);
    }
  }

  /** Whether there is a file or directory. */
  public boolean exists(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      return within("Cannot look up", uri, () -> fileSystem.exists(new Path(uri)));
    } catch (IOException | RuntimeException e) {
      throw named("Cannot look up", uri, e);
    }
  }

  /** Whether there is a directory (on object stores: at least one file below). */
  public boolean isDirectory(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      return within("Cannot look up", uri, () -> fileSystem.getFileStatus(new Path(uri)))
          .isDirectory();
    } catch (FileNotFoundException e) {
      return false;
    } catch (IOException | RuntimeException e) {
      throw named("Cannot look up", uri, e);
    }
  }

  /**
   * The length of a file in bytes.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public long length(URI uri) throws IOException {
    return file(uri).bytes();
  }

  /**
   * What listing would say of a file.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public StoredFile file(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      FileStatus status =
          within("Cannot look up", uri, () -> fileSystem.getFileStatus(new Path(uri)));
      if (status.isDirectory()) {
        throw new PathIsDirectoryException(uri.toString());
      }
      return new StoredFile(uri, status.getLen(), status.getModificationTime());
    } catch (IOException | RuntimeException e) {
      throw named("Cannot look up", uri, e);
    }
  }

  /**
   * All files below a directory, at any depth, sorted by path (UTF-16 order, so that the order is
   * the same on every file system). A file lists itself.
   *
   * @throws FileNotFoundException if there is no such directory; names the URI
   */
  public List<StoredFile> listRecursively(URI directory) throws IOException {
    FileSystem fileSystem = fileSystem(directory);
    try {
      return within("Cannot list", directory, () -> listed(fileSystem, new Path(directory)));
    } catch (IOException | RuntimeException e) {
      throw named("Cannot list", directory, e);
    }
  }

  private static List<StoredFile> listed(FileSystem fileSystem, Path directory) throws IOException {
    List<StoredFile> files = new ArrayList<>();
    if (fileSystem instanceof LocalFileSystem) {
      listLocally(fileSystem, directory, files);
    } else {
      RemoteIterator<LocatedFileStatus> listing = fileSystem.listFiles(directory, true);
      while (listing.hasNext()) {
        LocatedFileStatus file = listing.next();
        files.add(
            new StoredFile(file.getPath().toUri(), file.getLen(), file.getModificationTime()));
      }
    }
    files.sort(Comparator.comparing(file -> file.uri().getPath()));
    return files;
  }

  /** What lies in a directory, in no order; nothing where there is no such directory. */
  public List<FileStatus> list(URI directory) throws IOException {
    FileSystem fileSystem = fileSystem(directory);
    try {
      return within(
          "Cannot list",
          directory,
          () -> {
            try {
              return List.of(fileSystem.listStatus(new Path(directory)));
            } catch (FileNotFoundException e) {
              return List.of();
            }
          });
    } catch (IOException | RuntimeException e) {
      throw named("Cannot list", directory, e);
    }
  }

  /** Deletes a file, or a directory with all that is in it; nothing where there is none. */
  public void delete(URI uri) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      within("Cannot delete", uri, () -> fileSystem.delete(new Path(uri), true));
    } catch (IOException | RuntimeException e) {
      throw named("Cannot delete", uri, e);
    }
  }

  /**
   * Without {@code listFiles}, which on the local file system starts a process per file to ask for
   * its permissions (35,000 files: more than two minutes, and one second without).
   */
  private static void listLocally(FileSystem fileSystem, Path directory, List<StoredFile> files)
      throws IOException {
    for (FileStatus status : fileSystem.listStatus(directory)) {
      if (status.isDirectory()) {
        listLocally(fileSystem, status.getPath(), files);
      } else {
        URI uri = new Path("file", null, status.getPath().toUri().getPath()).toUri();
        files.add(new StoredFile(uri, status.getLen(), status.getModificationTime()));
      }
    }
  }

  /**
   * The path of a file relative to a directory it is in, with {@code /} between names.
   *
   * @throws IllegalArgumentException if the file is not below the directory
   */
  public static String relativePath(URI directory, URI file) {
    String parent = new Path(directory).toUri().getPath();
    if (!parent.endsWith("/")) {
      parent += "/";
    }
    String path = file.getPath();
    if (!path.startsWith(parent) || path.length() == parent.length()) {
      throw new IllegalArgumentException("Not below %s: %s".formatted(directory, file));
    }
    return path.substring(parent.length());
  }

  /**
   * The content of a small text file.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public String readUtf8(URI uri) throws IOException {
    return new String(readFully(uri), UTF_8);
  }

  /**
   * The content of a file, whole.
   *
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public byte[] readFully(URI uri) throws IOException {
    return readStart(uri, Integer.MAX_VALUE);
  }

  /**
   * The content of a file, or its start.
   *
   * @param bytes how many are read at most
   * @throws FileNotFoundException if there is no such file; names the URI
   */
  public byte[] readStart(URI uri, int bytes) throws IOException {
    try {
      return within(
          "Cannot read",
          uri,
          () -> {
            try (FSDataInputStream in = open(uri)) {
              return in.readNBytes(bytes);
            }
          });
    } catch (IOException e) {
      throw named("Cannot read", uri, e);
    }
  }

  /** What writes the content of a file. */
  @FunctionalInterface
  public interface Content {
    /** Writes all of it; the stream is buffered, and closed by the caller. */
    void writeTo(OutputStream out) throws IOException;
  }

  /** {@link #writeAtomically(URI, Content)} of a small file. */
  public void writeAtomically(URI uri, byte[] content) throws IOException {
    writeAtomically(uri, out -> out.write(content));
  }

  /**
   * Writes a file so that a reader sees the old content or the new, and never a part: under a
   * temporary name beside it, renamed onto the final one; on object stores, where a put is atomic,
   * directly, and aborted where the content cannot be written to its end. An existing file is
   * replaced.
   *
   * @throws IOException if the content or the storage fails; names the URI
   */
  public void writeAtomically(URI uri, Content content) throws IOException {
    FileSystem fileSystem = fileSystem(uri);
    try {
      within(
          "Cannot write",
          uri,
          () -> {
            writeAtomically(fileSystem, new Path(uri), content);
            return uri;
          });
    } catch (IOException | RuntimeException e) {
      throw named("Cannot write", uri, e);
    }
  }

  private void writeAtomically(FileSystem fileSystem, Path target, Content content)
      throws IOException {
    if (OBJECT_STORES.contains(fileSystem.getScheme())) {
      write(fileSystem, target, content);
      return;
    }
    // The raw local file system: the checksum file of the other one cannot be renamed together
    // with its file, and would accuse the new content in between.
    FileSystem plain = fileSystem instanceof LocalFileSystem local ? local.getRaw() : fileSystem;
    Path temporary =
        new Path(target.getParent(), "." + target.getName() + "." + UUID.randomUUID() + ".tmp");
    try {
      write(plain, temporary, content);
      if (fileSystem instanceof LocalFileSystem local) {
        plain.delete(local.getChecksumFile(target), false);
        // Not by Hadoop's rename, which copies where it cannot rename.
        Files.move(
            local.pathToFile(temporary).toPath(),
            local.pathToFile(target).toPath(),
            StandardCopyOption.ATOMIC_MOVE);
      } else {
        FileContext.getFileContext(fileSystem.getUri(), sharedConfiguration())
            .rename(temporary, target, Options.Rename.OVERWRITE);
      }
    } catch (IOException | RuntimeException e) {
      plain.delete(temporary, false);
      throw e;
    }
  }

  /** {@link #writeAtomically(URI, byte[])} of a text in UTF-8. */
  public void writeUtf8Atomically(URI uri, String content) throws IOException {
    writeAtomically(uri, content.getBytes(UTF_8));
  }

  /** Leaves no file where it fails: on object stores, closing a stream puts what it was given. */
  private static void write(FileSystem fileSystem, Path path, Content content) throws IOException {
    FSDataOutputStream out = fileSystem.createFile(path).overwrite(true).recursive().build();
    try {
      BufferedOutputStream buffered = new BufferedOutputStream(out, 1 << 16);
      content.writeTo(buffered);
      buffered.flush();
    } catch (IOException | RuntimeException e) {
      discard(out, fileSystem, path, e);
      throw e;
    } catch (FSError e) {
      discard(out, fileSystem, path, e);
      throw new IOException(e.getCause().getMessage(), e);
    }
    try {
      out.close();
    } catch (FSError e) {
      throw new IOException(e.getCause().getMessage(), e);
    }
  }

  /** Hadoop's local file system reports a full disk by an Error, when closing too. */
  private static void discard(
      FSDataOutputStream out, FileSystem fileSystem, Path path, Throwable failure)
      throws IOException {
    if (out.hasCapability(StreamCapabilities.ABORTABLE_STREAM)) {
      out.abort();
      return;
    }
    try {
      out.close();
    } catch (IOException | FSError e) {
      failure.addSuppressed(e);
    }
    fileSystem.delete(path, false);
  }

  private static FSDataInputStream await(Future<FSDataInputStream> opening) throws IOException {
    try {
      return opening.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw new IOException(e.getCause().getMessage(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  /** The same error with the URI in its message; a missing file stays one. */
  private IOException named(String failure, URI uri, Exception cause) {
    // By name: object stores are no dependency of this module.
    if (cause.getClass().getSimpleName().equals("UnknownStoreException")) {
      return new IOException(
          "%s %s%s: there is no bucket %s (make it, or mend the name)"
              .formatted(failure, uri, by(uri), uri.getHost()),
          cause);
    }
    if (cause instanceof StorageTimeoutException timeout) {
      return timeout;
    }
    if (cause instanceof FileNotFoundException) {
      FileNotFoundException missing = new FileNotFoundException("No such file: " + uri);
      missing.initCause(cause);
      return missing;
    }
    if (cause instanceof AccessDeniedException) {
      return new IOException(
          "%s %s%s: Access denied (check the credentials, storage.s3 or those of the environment, and"
                  .formatted(failure, uri, by(uri))
              + " their permissions)",
          cause);
    }
    String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    // S3 answers an expired token with 400, to a question about a file without a word of why.
    String advice =
        cause.getClass().getSimpleName().equals("AWSBadRequestException")
            ? " (check that the credentials have not expired, and storage.s3.region)"
            : "";
    return new IOException(
        "%s %s%s: %s%s".formatted(failure, uri, by(uri), message, advice), cause);
  }

  /** By which endpoint a bucket is reached, where that is configured here. */
  private String by(URI uri) {
    String endpoint = "s3a".equals(uri.getScheme()) ? entries.get("fs.s3a.endpoint") : null;
    return endpoint == null ? "" : " (endpoint " + endpoint + ")";
  }

  private static URI withoutPassword(URI uri) {
    String userInfo = uri.getUserInfo();
    String authority = uri.getAuthority();
    boolean password =
        userInfo != null
            ? userInfo.contains(":")
            : authority != null
                && authority.contains("@")
                && authority.substring(0, authority.lastIndexOf('@')).contains(":");
    if (password) {
      throw new IllegalArgumentException(
          "Invalid location on %s: it carries a password; give credentials as configuration"
              .formatted(uri.getScheme()));
    }
    return uri;
  }

  private Configuration sharedConfiguration() {
    Configuration shared = configuration;
    if (shared == null) {
      shared = new Configuration();
      for (Map.Entry<String, String> entry : entries.entrySet()) {
        shared.set(entry.getKey(), entry.getValue());
      }
      configuration = shared;
    }
    return shared;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Storage storage && entries.equals(storage.entries);
  }

  @Override
  public int hashCode() {
    return entries.hashCode();
  }

  /** The entries, with {@code ***} for every value whose key looks secret. */
  @Override
  public String toString() {
    TreeMap<String, String> shown = new TreeMap<>();
    entries.forEach((key, value) -> shown.put(key, isSecret(key) ? "***" : value));
    return "Storage" + shown;
  }

  private static boolean isSecret(String key) {
    String lower = key.toLowerCase(Locale.ROOT);
    return SECRET_WORDS.stream().anyMatch(lower::contains);
  }
}
