package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;

class TarEntriesTest extends SourceTest {
  private record Read(String name, String kind, String content) {}

  private static byte[] bytes(SplittableRandom random, int count) {
    byte[] content = new byte[count];
    random.nextBytes(content);
    return content;
  }

  /** An archive with everything that names and sizes can be. */
  private static byte[] varied(Tars tars) {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 60; i++) {
      String name = "f".repeat(1 + random.nextInt(300)) + (i % 3 == 0 ? "ä€" : "") + i;
      switch (i % 6) {
        case 0 -> tars.directory("d/" + name);
        case 1 -> tars.symbolicLink("l/" + name, "target/" + "t".repeat(random.nextInt(200)));
        default -> tars.file("x/" + name, bytes(random, random.nextInt(3) * 512 + i % 4));
      }
    }
    return tars.bytes();
  }

  private List<Read> read(TarEntries entries) throws IOException {
    List<Read> all = new ArrayList<>();
    try (entries) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        // Every other content is left unread, to be skipped.
        String content =
            entry.kind() == TarEntry.Kind.FILE && all.size() % 2 == 0
                ? Arrays.toString(entries.content())
                : "";
        all.add(new Read(entry.name(), entry.kind().name(), content));
      }
    }
    return all;
  }

  private static List<Read> oracle(byte[] tar) throws IOException {
    List<Read> all = new ArrayList<>();
    try (TarArchiveInputStream in =
        new TarArchiveInputStream(new ByteArrayInputStream(tar), "UTF-8")) {
      for (TarArchiveEntry entry = in.getNextTarEntry();
          entry != null;
          entry = in.getNextTarEntry()) {
        String kind = entry.isSymbolicLink() ? "LINK" : entry.isDirectory() ? "DIRECTORY" : "FILE";
        String content =
            kind.equals("FILE") && all.size() % 2 == 0 ? Arrays.toString(in.readAllBytes()) : "";
        all.add(new Read(entry.getName(), kind, content));
      }
    }
    return all;
  }

  @Test
  void readsWhatCommonsCompressReads() throws IOException {
    for (byte[] tar : List.of(varied(Tars.gnu()), varied(Tars.pax()))) {
      List<Read> expected = oracle(tar);
      assertThat(expected).hasSize(60);
      assertThat(read(TarEntries.of(storage, write("a.tar", tar)))).isEqualTo(expected);
      assertThat(read(TarEntries.ofGzip(storage, write("a.tgz", Tars.gzip(tar)))))
          .isEqualTo(expected);
    }
  }

  @Test
  void anyRangeOfEntriesCanBeRead() throws IOException {
    byte[] tar = varied(Tars.gnu());
    URI uri = write("a.tar", tar);
    List<Long> starts = new ArrayList<>();
    long end = 0;
    List<String> names = new ArrayList<>();
    try (TarEntries entries = TarEntries.of(storage, uri)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        starts.add(entry.start());
        names.add(entry.name());
        end = entry.end();
      }
    }
    starts.add(end);
    for (int from = 0; from < 60; from += 7) {
      for (int to = from + 1; to <= 60; to += 11) {
        assertThat(read(TarEntries.ofRange(storage, uri, starts.get(from), starts.get(to))))
            .extracting(Read::name)
            .isEqualTo(names.subList(from, to));
      }
    }
  }

  @Test
  void truncationAnywhereIsFound() throws IOException {
    byte[] tar =
        Tars.gnu()
            .file("a/1", bytes(new SplittableRandom(1), 700))
            .file("a/" + "n".repeat(120), bytes(new SplittableRandom(2), 1024))
            .bytes();
    int contents = 512 + 1024 + 512 + 512 + 512 + 1024;
    for (int length = 0; length < contents + 512; length += length % 512 == 511 ? 1 : 73) {
      URI cut = write("cut.tar", Arrays.copyOf(tar, length));
      assertThatThrownBy(() -> read(TarEntries.of(storage, cut)))
          .as("cut at %s", length)
          .isInstanceOf(IOException.class)
          .hasMessageMatching(
              "Truncated tar %s: it ends at offset %s, before .*".formatted(cut, length));
    }
    assertThat(read(TarEntries.of(storage, write("cut.tar", Arrays.copyOf(tar, contents + 512)))))
        .hasSize(2);
  }

  @Test
  void aTruncatedCompressedTarIsFound() throws IOException {
    byte[] whole = Tars.gzip(varied(Tars.gnu()));
    for (int length = 20; length < whole.length; length += 97) {
      URI cut = write("cut.tar.gz", Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> read(TarEntries.ofGzip(storage, cut)))
          .as("cut at %s", length)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("Truncated tar " + cut + ": it ends at offset ");
    }
    byte[] changed = whole.clone();
    changed[whole.length - 6] ^= 1;
    URI damaged = write("crc.tar.gz", changed);
    assertThatThrownBy(() -> read(TarEntries.ofGzip(storage, damaged)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read " + damaged + " at offset ");
  }

  @Test
  void anEntryThatClaimsMoreThanThereIsTakesNoMemory() throws IOException {
    byte[] tar = Tars.gnu().file("a/1", new byte[512]).bytes();
    byte[] claims = Tars.gnu().file("a/1", new byte[1 << 20]).bytes();
    System.arraycopy(claims, 0, tar, 0, 512);
    URI uri = write("claims.tar", tar);
    try (TarEntries entries = TarEntries.of(storage, uri)) {
      assertThat(entries.next().size()).isEqualTo(1 << 20);
      assertThatThrownBy(entries::content)
          .isInstanceOf(IOException.class)
          .hasMessage(
              "Truncated tar %s: it ends at offset %s, before the end of a/1", uri, tar.length);
    }
  }

  @Test
  void largeContentsAreJumpedOver() throws IOException {
    // Three entries of 3 GiB in a sparse file: reading through them would take minutes.
    Path file = directory.resolve("sparse.tar");
    long size = 3L << 30;
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      for (int i = 0; i < 3; i++) {
        TarArchiveEntry entry = new TarArchiveEntry("inner-%s.tar".formatted(i));
        entry.setSize(size);
        byte[] header = new byte[512];
        entry.writeEntryHeader(header);
        out.seek(i * (512 + size));
        out.write(header);
      }
      out.setLength(3 * (512 + size) + 1024);
    }
    try (TarEntries entries = TarEntries.of(storage, uri("sparse.tar"))) {
      for (int i = 0; i < 3; i++) {
        TarEntry entry = entries.next();
        assertThat(entry.name()).isEqualTo("inner-%s.tar".formatted(i));
        assertThat(entry.dataStart()).isEqualTo(i * (512 + size) + 512);
        assertThat(entry.size()).isEqualTo(size);
      }
      assertThat(entries.next()).isNull();
    }
  }

  @Test
  void damagedHeadersAreNamedWithTheirOffset() throws IOException {
    byte[] tar = Tars.gnu().file("a/1", new byte[10]).file("a/2", new byte[10]).bytes();
    tar[1024 + 3] ^= 1;
    URI uri = write("damaged.tar", tar);
    assertThatThrownBy(() -> read(TarEntries.of(storage, uri)))
        .isInstanceOf(IOException.class)
        .hasMessage("Damaged tar %s: a header with a wrong checksum at offset 1024", uri);
  }

  @Test
  void damageIsAlwaysAnIoErrorAndAlwaysEnds() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    byte[][] originals = {varied(Tars.gnu()), varied(Tars.pax())};
    int failed = 0;
    for (int round = 0; round < 600; round++) {
      byte[] tar = originals[round % 2].clone();
      for (int flip = 0; flip < 1 + round % 4; flip++) {
        int at = random.nextInt(tar.length);
        tar[at] = (byte) random.nextInt(256);
        fixChecksum(tar, at / 512 * 512);
      }
      URI uri = write("fuzz.tar", tar);
      try {
        read(TarEntries.of(storage, uri));
      } catch (IOException e) {
        assertThat(e).hasMessageContaining(uri.toString());
        failed++;
      }
    }
    assertThat(failed).isBetween(20, 580);
  }

  /** Makes a block's header checksum right, so that damage gets behind it. */
  private static void fixChecksum(byte[] tar, int block) {
    if (tar[block + 257] != 'u') {
      return;
    }
    Arrays.fill(tar, block + 148, block + 156, (byte) ' ');
    int sum = 0;
    for (int i = block; i < block + 512; i++) {
      sum += tar[i] & 0xFF;
    }
    byte[] digits = "%06o".formatted(sum).getBytes(US_ASCII);
    System.arraycopy(digits, 0, tar, block + 148, 6);
    tar[block + 154] = 0;
  }
}
