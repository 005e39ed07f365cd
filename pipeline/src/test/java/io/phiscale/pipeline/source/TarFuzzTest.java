package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.pipeline.fuzz.Mutations;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Damaged tars: read as far as they go, or an error that names the file; never another exception,
 * an endless walk, or memory for what a header claims.
 */
class TarFuzzTest extends SourceTest {
  private static byte[] varied(Tars tars) {
    return tars.directory("n01440764")
        .file("n01440764/a.jpg", png(1))
        .file("n01440764/a.cls", "3".getBytes(US_ASCII))
        .file("n02102040/" + "long".repeat(60) + ".png", png(2))
        .file("n02102040/ä€.jpg", png(3))
        .symbolicLink("n02102040/link.jpg", "../../etc/passwd")
        .hardLink("n02102040/hard.jpg", "t".repeat(150))
        .pipe("n02102040/pipe.jpg")
        .file("n03000134/b.json", "{\"label\": 7}".getBytes(US_ASCII))
        .file("n03000134/b.jpg", new byte[1500])
        .bytes();
  }

  private static List<byte[]> whole() {
    byte[] inner = Tars.gnu().file("x.JPEG", png(4)).file("y.JPEG", png(5)).bytes();
    return List.of(
        varied(Tars.gnu()),
        varied(Tars.pax()),
        Tars.gnu().file("n01440764.tar", inner).file("n02102040.tar", inner).bytes());
  }

  @Test
  void damagedTars() throws IOException {
    Mutations mutations = new Mutations(whole());
    ImageNetTarSource tars = new ImageNetTarSource(uri("fuzz.tar"));
    WebDatasetSource webDataset = new WebDatasetSource(uri("fuzz.tar"), Optional.empty(), "", -1);
    SortedMap<String, Long> outcomes =
        Mutations.run(
            Mutations.tries(1_500),
            32L << 20,
            (number, random) -> {
              byte[] tar = mutations.next(random);
              mendChecksums(tar, random);
              URI uri = write("fuzz.tar", tar);
              try {
                return switch (random.nextInt(4)) {
                  case 0 -> walk(TarEntries.of(storage, uri), tar.length);
                  case 1 -> {
                    long from = random.nextInt(tar.length / 512 + 1) * 512L;
                    long to = Math.min(tar.length, from + random.nextInt(8) * 512L);
                    yield walk(
                        TarEntries.ofRange(storage, uri, Math.min(from, to), to), tar.length);
                  }
                  case 2 -> readItems(tars);
                  default -> readItems(webDataset);
                };
              } catch (IOException e) {
                assertThat(e).hasMessageContaining("fuzz.tar");
                return reason(e);
              }
            });
    System.out.println("tar: " + outcomes);
    assertThat(outcomes).containsKeys("read", "Truncated tar", "Damaged tar");
  }

  @Test
  void damagedCompressedTars() throws IOException {
    Mutations plain = new Mutations(whole());
    Mutations compressed = new Mutations(whole().stream().map(Tars::gzip).toList());
    SortedMap<String, Long> outcomes =
        Mutations.run(
            Mutations.tries(1_000),
            32L << 20,
            (number, random) -> {
              byte[] tar;
              if (random.nextInt(3) == 0) {
                tar = compressed.next(random);
              } else {
                tar = plain.next(random);
                mendChecksums(tar, random);
                tar = Tars.gzip(tar);
              }
              URI uri = write("fuzz.tar.gz", tar);
              try {
                return walk(TarEntries.ofGzip(storage, uri), 1 << 20);
              } catch (IOException e) {
                assertThat(e).hasMessageContaining("fuzz.tar.gz");
                return reason(e);
              }
            });
    System.out.println("tar.gz: " + outcomes);
    assertThat(outcomes).containsKeys("read", "Truncated tar", "Damaged tar", "Cannot read");
  }

  /** The length of a compressed tar is not known before its end. */
  @Test
  void aCompressedTarTakesNoMemoryForWhatAHeaderClaims() throws IOException {
    byte[] claims = Tars.gnu().file("a/1", new byte[200 << 20]).bytes();
    URI uri = write("claims.tar.gz", Tars.gzip(Arrays.copyOf(claims, 2048)));
    byte[] large = png(7);
    large = Arrays.copyOf(large, 5_000_001);
    large[5_000_000] = 9;
    URI whole = write("whole.tar.gz", Tars.gzip(Tars.gnu().file("a/1", large).bytes()));
    byte[] expected = large;
    SortedMap<String, Long> outcomes =
        Mutations.run(
            2,
            32L << 20,
            (number, random) -> {
              try (TarEntries entries = TarEntries.ofGzip(storage, number == 0 ? uri : whole)) {
                assertThat(entries.next().size()).isEqualTo(number == 0 ? 200 << 20 : 5_000_001);
                return Arrays.equals(entries.content(), expected) ? "read" : "wrong";
              } catch (IOException e) {
                return reason(e);
              }
            });
    assertThat(outcomes).containsOnly(Map.entry("Truncated tar", 1L), Map.entry("read", 1L));
  }

  private static String walk(TarEntries entries, long most) throws IOException {
    try (entries) {
      int seen = 0;
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        assertThat(entry.size()).isNotNegative();
        assertThat(seen++).isLessThanOrEqualTo((int) (most / 512));
        if (entry.kind() == TarEntry.Kind.FILE
            && ImageFiles.sizeProblem(entry.name(), entry.size()) == null) {
          assertThat(entries.content()).hasSize((int) entry.size());
        }
      }
    }
    return "read";
  }

  private String readItems(DatasetSource source) throws IOException {
    for (SourceSplit split : source.splits(storage)) {
      try (SourceItems items = source.open(split, storage)) {
        items.forEachRemaining(item -> assertThat(item.key()).isNotNull());
      } catch (java.io.UncheckedIOException e) {
        throw e.getCause();
      }
    }
    return "read";
  }

  private static String reason(IOException e) {
    String message = e.getMessage();
    return message.substring(0, message.indexOf(' ', message.indexOf(' ') + 1));
  }

  /** Makes most headers' checksums right, so that damage gets behind them. */
  private static void mendChecksums(byte[] tar, SplittableRandom random) {
    for (int block = 0; block + 512 <= tar.length; block += 512) {
      if (tar[block + 257] == 'u' && tar[block + 258] == 's' && random.nextInt(8) > 0) {
        Arrays.fill(tar, block + 148, block + 156, (byte) ' ');
        int sum = 0;
        for (int i = block; i < block + 512; i++) {
          sum += tar[i] & 0xFF;
        }
        System.arraycopy("%06o".formatted(sum).getBytes(US_ASCII), 0, tar, block + 148, 6);
        tar[block + 154] = 0;
      }
    }
  }
}
