package io.phiscale.pipeline.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FSDataInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StorageTest {
  private final Storage storage = Storage.of(Map.of());

  @TempDir Path directory;

  private URI uri(String name) {
    return Storage.resolve(Storage.uri(directory.toString()), name);
  }

  @Test
  void aMissingFileIsNamed() {
    URI missing = uri("missing.txt");
    assertThatThrownBy(() -> storage.open(missing))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + missing);
    assertThatThrownBy(() -> storage.readUtf8(missing))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + missing);
    assertThatThrownBy(() -> storage.length(missing))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + missing);
    assertThatThrownBy(() -> storage.listRecursively(missing))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + missing);
  }

  @Test
  void anUnknownFileSystemIsNamed() {
    assertThatThrownBy(() -> storage.open(URI.create("nowhere://bucket/file")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot open the file system of nowhere://bucket/file: ");
  }

  @Test
  void readsWhatItWroteAtomically() throws IOException {
    URI file = uri("deeper/text ä.txt");
    storage.writeUtf8Atomically(file, "first, longer");
    storage.writeUtf8Atomically(file, "zweites ä");

    assertThat(storage.readUtf8(file)).isEqualTo("zweites ä");
    assertThat(storage.length(file)).isEqualTo("zweites ä".getBytes(UTF_8).length);
    try (Stream<Path> files = Files.list(directory.resolve("deeper"))) {
      assertThat(files.map(path -> path.getFileName().toString())).containsExactly("text ä.txt");
    }
  }

  @Test
  void replacesAFileThatHadAChecksumFile() throws IOException {
    URI file = uri("file");
    try (var out = storage.create(file)) {
      out.write("with a checksum".getBytes(UTF_8));
    }
    assertThat(directory.resolve(".file.crc")).exists();

    storage.writeUtf8Atomically(file, "without");

    assertThat(storage.readUtf8(file)).isEqualTo("without");
  }

  @Test
  void aFailedAtomicWriteLeavesTheOldStateAndNothingElse() throws IOException {
    Files.createDirectories(directory.resolve("taken/occupied"));
    URI file = uri("taken");

    assertThatThrownBy(() -> storage.writeUtf8Atomically(file, "text"))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot write " + file + ": ");

    try (Stream<Path> files = Files.walk(directory)) {
      assertThat(files)
          .containsExactlyInAnyOrder(
              directory, directory.resolve("taken"), directory.resolve("taken/occupied"));
    }
  }

  @Test
  void createRefusesAnExistingFile() throws IOException {
    URI file = uri("file");
    storage.create(file).close();
    assertThatThrownBy(() -> storage.create(file).close())
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot create " + file + ": ");
  }

  @Test
  void listsFilesAtAnyDepthSortedByPath() throws IOException {
    for (String name : List.of("b/2", "a", "b/1", "B", "b.txt", "c/d/e", "ä ö")) {
      Path file = directory.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
    Files.createDirectories(directory.resolve("empty"));

    URI root = Storage.uri(directory.toString());
    List<StoredFile> files = storage.listRecursively(root);

    assertThat(files.stream().map(file -> Storage.relativePath(root, file.uri())))
        .containsExactly("B", "a", "b.txt", "b/1", "b/2", "c/d/e", "ä ö");
    assertThat(files.get(5).bytes()).isEqualTo(5);
    assertThat(storage.readUtf8(files.get(6).uri())).isEqualTo("ä ö");
  }

  @Test
  void aContentThatFailsLeavesWhatWasThere() throws IOException {
    Storage.Content failing =
        out -> {
          out.write(new byte[300_000]);
          throw new IOException("no more");
        };

    assertThatThrownBy(() -> storage.writeAtomically(uri("new/file"), failing))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot write %s: no more", uri("new/file"));
    assertThat(storage.listRecursively(uri("new"))).isEmpty();

    storage.writeUtf8Atomically(uri("file"), "old");
    assertThatThrownBy(() -> storage.writeAtomically(uri("file"), failing))
        .hasMessage("Cannot write %s: no more", uri("file"));
    assertThat(storage.readUtf8(uri("file"))).isEqualTo("old");
    assertThat(storage.listRecursively(uri("file"))).hasSize(1);

    storage.writeAtomically(uri("file"), out -> out.write(new byte[300_000]));
    assertThat(storage.length(uri("file"))).isEqualTo(300_000);
  }

  @Test
  void seeksInAnOpenFile() throws IOException {
    URI file = uri("digits");
    storage.writeUtf8Atomically(file, "0123456789");
    try (FSDataInputStream in = storage.open(file, ReadPolicy.RANDOM)) {
      in.seek(7);
      assertThat(in.read()).isEqualTo('7');
    }
  }

  @Test
  void saysWhatIsThere() throws IOException {
    storage.writeUtf8Atomically(uri("folder/file"), "");
    assertThat(storage.exists(uri("folder/file"))).isTrue();
    assertThat(storage.exists(uri("folder/other"))).isFalse();
    assertThat(storage.isDirectory(uri("folder"))).isTrue();
    assertThat(storage.isDirectory(uri("folder/file"))).isFalse();
    assertThat(storage.isDirectory(uri("other"))).isFalse();
    assertThatThrownBy(() -> storage.length(uri("folder")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot look up " + uri("folder") + ": ");
  }

  @Test
  void locationsAreUrisOrPaths() {
    assertThat(Storage.uri("s3a://bucket/some path")).hasToString("s3a://bucket/some%20path");
    assertThat(Storage.uri("/data/images")).hasToString("file:/data/images");
    assertThat(Storage.uri("images").getPath()).isEqualTo(Path.of("images").toAbsolutePath() + "");
    assertThat(Storage.resolve(URI.create("s3a://bucket"), "a:b/c"))
        .hasToString("s3a://bucket/a:b/c");
    assertThat(Storage.resolve(URI.create("s3a://bucket/x/"), "y")).hasToString("s3a://bucket/x/y");
    assertThatThrownBy(() -> Storage.uri(" "))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid location: blank");
  }

  @Test
  void relativePathsAreBelowTheirDirectory() {
    URI root = URI.create("s3a://bucket/data");
    assertThat(Storage.relativePath(root, URI.create("s3a://bucket/data/a/b%20c")))
        .isEqualTo("a/b c");
    assertThatThrownBy(() -> Storage.relativePath(root, URI.create("s3a://bucket/database/a")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Not below s3a://bucket/data: s3a://bucket/database/a");
  }

  @Test
  void passwordsInLocationsAreRefusedWithoutPrintingThem() {
    assertThatThrownBy(() -> Storage.uri("s3a://id:hidden@bucket/file"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid location on s3a: it carries a password; give credentials as configuration");
    assertThatThrownBy(() -> storage.open(URI.create("s3a://id:hidden@bucket/file")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageNotContaining("hidden");
  }

  @Test
  void secretsAreNotPrinted() {
    Storage secret =
        Storage.of(
            Map.of(
                "fs.s3a.endpoint", "https://store",
                "fs.s3a.access.key", "one",
                "fs.s3a.secret.key", "two",
                "fs.s3a.session.token", "three",
                "store.Password", "four"));
    assertThat(secret)
        .hasToString(
            "Storage{fs.s3a.access.key=***, fs.s3a.endpoint=https://store, "
                + "fs.s3a.secret.key=***, fs.s3a.session.token=***, store.Password=***}");
  }

  @Test
  void fileSystemsAreSharedOnlyByEqualConfigurations() throws IOException {
    URI file = uri("file");
    Storage other = Storage.of(Map.of("fs.s3a.secret.key", "other"));

    assertThat(Storage.of(Map.of()).fileSystem(file)).isSameAs(storage.fileSystem(file));
    assertThat(other.fileSystem(file)).isNotSameAs(storage.fileSystem(file));
    assertThat(other.configuration().get("fs.s3a.secret.key")).isEqualTo("other");
    assertThat(storage.configuration().get("fs.s3a.secret.key")).isNull();
  }

  @Test
  void survivesSerialization() throws Exception {
    Storage original = Storage.of(Map.of("a", "b"));
    assertThat(original.configuration().get("a")).isEqualTo("b");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(original);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      Storage copy = (Storage) in.readObject();
      assertThat(copy).isEqualTo(original).hasSameHashCodeAs(original);
      assertThat(copy.configuration().get("a")).isEqualTo("b");
    }
  }

  @Test
  void blankKeysAreRefused() {
    assertThatThrownBy(() -> Storage.of(Map.of(" ", "x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid storage key: blank");
  }

  /**
   * A pipe that nobody writes into: opening it holds a thread in the kernel, where no interrupt is
   * heard.
   */
  private Path pipe(String name) throws Exception {
    Path pipe = directory.resolve(name);
    assumeThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    return pipe;
  }

  /** Lets go of who waits for the pipe. */
  private static void release(Path pipe) throws IOException {
    new RandomAccessFile(pipe.toFile(), "rw").close();
  }

  @Test
  void anOperationThatHangsEndsAtItsDeadlineAndIsNamed() throws Exception {
    Path pipe = pipe("hangs.json");
    Storage bounded = storage.withDeadline(Duration.ofMillis(300));
    URI uri = uri("hangs.json");
    String end =
        " " + uri + ": no answer within 0.3 s (storage.deadline); does the file system hang?";
    assertThatThrownBy(() -> bounded.readUtf8(uri))
        .isInstanceOf(StorageTimeoutException.class)
        .hasMessageMatching("Cannot (read|open)" + Pattern.quote(end));
    assertThatThrownBy(() -> bounded.open(uri)).hasMessage("Cannot open" + end);
    assertThatThrownBy(
            () ->
                bounded.within(
                    "Cannot copy",
                    uri,
                    () -> {
                      try (var in = storage.open(uri)) {
                        return in.read();
                      }
                    }))
        .hasMessage("Cannot copy" + end);
    assertThatThrownBy(() -> bounded.writeAtomically(uri("x"), out -> storage.open(uri)))
        .hasMessage("Cannot write " + uri("x") + end.substring(end.indexOf(": no")));
    release(pipe);

    // The others still answer.
    bounded.writeUtf8Atomically(uri("text"), "a");
    assertThat(bounded.readUtf8(uri("text"))).isEqualTo("a");
  }

  @Test
  void aDeadlineStaysHere() throws Exception {
    assertThatThrownBy(() -> storage.withDeadline(Duration.ZERO))
        .hasMessage("Invalid storage deadline: PT0S (must be > 0)");
    Path pipe = pipe("pipe");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(storage.withDeadline(Duration.ofMillis(1)));
    }
    Storage shipped;
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      shipped = (Storage) in.readObject();
    }
    CompletableFuture<String> read =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return shipped.readUtf8(uri("pipe"));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    Files.writeString(pipe, "late");
    assertThat(read.get(1, TimeUnit.MINUTES)).isEqualTo("late");
  }

  @Test
  void errorsOfOperationsWithADeadlineAreTheSame() {
    Storage bounded = storage.withDeadline(Duration.ofMinutes(1));
    assertThatThrownBy(() -> bounded.readUtf8(uri("missing")))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + uri("missing"));
    assertThatThrownBy(
            () ->
                bounded.writeAtomically(
                    uri("x"),
                    out -> {
                      throw new IllegalStateException("mine");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot write %s: mine", uri("x"));
  }

  @Test
  void listsAndDeletes() throws IOException {
    storage.writeUtf8Atomically(uri("d/a"), "1");
    storage.writeUtf8Atomically(uri("d/e/b"), "2");
    assertThat(storage.list(uri("d")))
        .extracting(status -> status.getPath().getName())
        .containsExactlyInAnyOrder("a", "e");
    storage.delete(uri("d/a"));
    storage.delete(uri("d/e"));
    storage.delete(uri("d/none"));
    assertThat(storage.list(uri("d"))).isEmpty();
    assertThat(storage.list(uri("none"))).isEmpty();
  }
}
