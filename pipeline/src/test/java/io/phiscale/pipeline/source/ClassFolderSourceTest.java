package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClassFolderSourceTest extends SourceTest {
  private static final List<String> IMAGES =
      List.of("data/b/2.JPEG", "data/b/1.png", "data/a/deep er/ä.jpeg", "data/b/no-extension");

  private static final List<String> EXPECTED =
      List.of("a/deep er/ä.jpeg a", "b/1.png b", "b/2.JPEG b", "b/no-extension b");

  private URI folders() throws IOException {
    for (int i = 0; i < IMAGES.size(); i++) {
      write(IMAGES.get(i), png(i));
    }
    for (String ignored :
        List.of("README.md", "LICENSE", "_SUCCESS", ".hidden", "a/.DS_Store", "b/readme.txt")) {
      write("data/" + ignored, "text");
    }
    write("data/.git/config", "text");
    Files.createDirectories(directory.resolve("data/empty"));
    return uri("data");
  }

  private static Tars tar(Tars tars) {
    tars.directory("data").directory("data/a").directory("data/empty");
    for (int i = 0; i < IMAGES.size(); i++) {
      tars.file(IMAGES.get(i), png(i));
    }
    return tars.file("data/README", png(9)).file("data/b/.x", png(9)).file("other/c/1.png", png(9));
  }

  @Test
  void readsFolders() throws Exception {
    ClassFolderSource source = new ClassFolderSource(folders());

    assertThat(source.labelSpace(storage).names()).containsExactly("a", "b");
    List<SourceItem> items = items(source);
    assertThat(summaries(items)).isEqualTo(EXPECTED);
    assertThat(image(items, "b/2.JPEG")).hasValue(png(0));
    assertThat(image(items, "a/deep er/ä.jpeg")).hasValue(png(2));
    assertThat(source.description()).isEqualTo("class folders " + uri("data"));
  }

  @Test
  void readsAPartOfATreeBelowAPrefix() throws Exception {
    folders();
    write("other/c/1.png", png(9));
    ClassFolderSource source = new ClassFolderSource(uri(""), "data");
    assertThat(source.labelSpace(storage).names()).containsExactly("a", "b");
    assertThat(summaries(items(source))).isEqualTo(EXPECTED);
    assertThat(source.description()).endsWith(" (data)");
  }

  @Test
  void readsTarsAsFolders() throws Exception {
    byte[] gnu = tar(Tars.gnu()).bytes();
    for (URI tar :
        List.of(
            write("gnu.tar", gnu),
            write("PAX.TAR", tar(Tars.pax()).bytes()),
            write("compressed.tar.gz", Tars.gzip(gnu)),
            write("compressed.tgz", Tars.gzip(gnu)))) {
      ClassFolderSource source = new ClassFolderSource(tar, "data");
      assertThat(source.labelSpace(storage).names()).as("%s", tar).containsExactly("a", "b");
      List<SourceItem> items = items(source);
      assertThat(summaries(items)).as("%s", tar).containsExactlyInAnyOrderElementsOf(EXPECTED);
      assertThat(image(items, "b/2.JPEG")).hasValue(png(0));
    }
  }

  @Test
  void readsATarMadeInItsOwnDirectory() throws Exception {
    URI tar = write("dot.tar", Tars.gnu().directory("./a").file("./a//1.png", png(1)).bytes());
    assertThat(summaries(items(new ClassFolderSource(tar)))).containsExactly("a/1.png a");
  }

  @Test
  void badItemsAreRejectedEachUnderItsReason() throws Exception {
    write("data/a/1.png", png(1));
    write("data/a/empty.png", "");
    write("data/lost.png", png(2));
    try (RandomAccessFile huge =
        new RandomAccessFile(directory.resolve("data/a/huge.png").toFile(), "rw")) {
      huge.setLength(SourceItem.MAX_IMAGE_BYTES + 1);
    }
    assertThat(summaries(items(new ClassFolderSource(uri("data")))))
        .containsExactlyInAnyOrder(
            "a/1.png a", "a/empty.png: empty", "lost.png: unknown-label", "a/huge.png: too-large");

    byte[] invalid = Tars.gnu().file("a/xyz.png", png(5)).bytes();
    byte[] tar =
        Tars.gnu()
            .file("a/1.png", png(1))
            .file("a/empty.png", new byte[0])
            .file("lost.png", png(2))
            .symbolicLink("a/link.png", "1.png")
            .hardLink("a/hard.png", "a/1.png")
            .pipe("a/pipe")
            .file("../evil.png", png(3))
            .file("a/../../evil.png", png(3))
            .file("/a/absolute.png", png(3))
            .bytes();
    // "xyz" as three bytes that are not UTF-8, in the header and its checksum.
    int change = 0;
    for (int at = 2; at < 5; at++) {
      change += (0xFF - invalid[at]);
      invalid[at] = (byte) 0xFF;
    }
    int sum = 0;
    for (int at = 148; at < 154; at++) {
      sum = sum * 8 + (invalid[at] - '0');
    }
    System.arraycopy("%06o".formatted(sum + change).getBytes(US_ASCII), 0, invalid, 148, 6);
    byte[] both = new byte[1024 + tar.length];
    System.arraycopy(invalid, 0, both, 0, 1024);
    System.arraycopy(tar, 0, both, 1024, tar.length);

    assertThat(summaries(items(new ClassFolderSource(write("bad.tar", both)))))
        .containsExactly(
            "a/\uFFFD\uFFFD\uFFFD.png: invalid-name",
            "a/1.png a",
            "a/empty.png: empty",
            "lost.png: unknown-label",
            "a/link.png: link-entry",
            "a/hard.png: link-entry",
            "a/pipe: unsafe-entry",
            "../evil.png: unsafe-entry",
            "a/../../evil.png: unsafe-entry",
            "/a/absolute.png: unsafe-entry");
  }

  @Test
  void anEmptyDataSetIsAnError() throws IOException {
    Files.createDirectories(directory.resolve("data/a"));
    write("data/README", "text");
    String expected =
        "No images in %s: expected CLASS/IMAGE files, one folder per class".formatted(uri("data"));
    ClassFolderSource source = new ClassFolderSource(uri("data"));
    assertThatThrownBy(() -> source.labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(expected);
    assertThatThrownBy(() -> source.splits(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(expected);

    URI tar = write("data.tar", tar(Tars.gnu()).bytes());
    ClassFolderSource wrong = new ClassFolderSource(tar, "date");
    String below =
        "No images in %s below date: expected CLASS/IMAGE files, one folder per class"
            .formatted(tar);
    assertThatThrownBy(() -> wrong.labelSpace(storage)).hasMessage(below);
    assertThatThrownBy(() -> wrong.splits(storage)).hasMessage(below);
  }

  @Test
  void missingOrStrangeRootsAreNamed() throws IOException {
    assertThatThrownBy(() -> new ClassFolderSource(uri("none")).labelSpace(storage))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + uri("none"));
    assertThatThrownBy(() -> new ClassFolderSource(uri("none.tar")).labelSpace(storage))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + uri("none.tar"));
    URI zip = write("data.zip", "text");
    assertThatThrownBy(() -> new ClassFolderSource(zip).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "Cannot read %s: it is a file (expected a directory, .tar, .tar.gz or .tgz)", zip);
    URI fake = write("fake.tar", "x".repeat(2048));
    assertThatThrownBy(() -> new ClassFolderSource(fake).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage("Not a tar: %s (no header at offset 0)", fake);
    URI plain = write("plain.tar.gz", tar(Tars.gnu()).bytes());
    assertThatThrownBy(() -> new ClassFolderSource(plain).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read %s: not gzip: ".formatted(plain));
    assertThatThrownBy(() -> new ClassFolderSource(uri("data"), "/x"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid prefix: /x (must not start or end with /)");
  }

  @Test
  void filesAreGroupedIntoSplitsThatCoverThemOnce() throws Exception {
    // 1,100 files, each counted with 64 KiB for opening it, 64 MiB per split.
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 1_100; i++) {
      String name = "class-%02d/%04d.png".formatted(i % 10, i);
      write("many/" + name, Integer.toString(i));
      expected.add(name + " " + name.substring(0, 8));
    }
    ClassFolderSource source = new ClassFolderSource(uri("many"));

    List<SourceSplit> splits = source.splits(storage);

    assertThat(splits).hasSize(2).isEqualTo(source.splits(storage));
    assertThat(((SourceSplit.FileGroup) splits.get(0)).files()).hasSize(1_023);
    assertThat(summaries(items(source))).isEqualTo(expected.stream().sorted().toList());
  }

  @Test
  void aTarIsCutIntoRangesThatCoverItOnce() throws Exception {
    Tars tars = Tars.gnu();
    List<String> expected = new ArrayList<>();
    String longName = "x".repeat(150);
    for (int i = 0; i < 40; i++) {
      byte[] content = new byte[1 << 20];
      Arrays.fill(content, (byte) i);
      String name = "class/%s-%02d.png".formatted(longName, i);
      tars.file(name, content);
      expected.add(name + " class");
    }
    ClassFolderSource source = new ClassFolderSource(write("large.tar", tars.bytes()));

    List<SourceSplit> splits = source.splits(storage);

    assertThat(splits).hasSize(3).isEqualTo(source.splits(storage));
    List<SourceItem> items = items(source);
    assertThat(summaries(items)).isEqualTo(expected);
    assertThat(image(items, "class/%s-37.png".formatted(longName)).orElseThrow())
        .hasSize(1 << 20)
        .containsOnly(37);
  }

  @Test
  void aSplitOfAnotherSourceIsRefused() throws IOException {
    URI tar = write("data.tar", tar(Tars.gnu()).bytes());
    SourceSplit split = new ClassFolderSource(tar).splits(storage).get(0);
    ClassFolderSource other = new ClassFolderSource(uri("other.tar"));
    assertThatThrownBy(() -> other.open(split, storage))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("Invalid split of " + uri("other.tar") + ": TarRange[");
  }

  @Test
  void aFileThatVanishesFailsTheReading() throws IOException {
    URI root = folders();
    ClassFolderSource source = new ClassFolderSource(root);
    SourceSplit split = source.splits(storage).get(0);
    Files.delete(directory.resolve("data/b/1.png"));
    assertThatThrownBy(() -> items(source, split))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("No such file: " + uri("data/b/1.png"));
  }
}
