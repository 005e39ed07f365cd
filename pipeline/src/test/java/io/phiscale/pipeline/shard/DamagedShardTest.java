package io.phiscale.pipeline.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.shard.ShardWriter.RowGroupLimit;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damage, told apart from storage that fails, and kept to what is damaged. */
class DamagedShardTest {
  private static final int ROWS = 6;

  private final Storage storage = Storage.of(Map.of());
  private final List<ShardRecord> records = Records.some(2 * ROWS);

  @TempDir Path directory;
  private Path path;
  private List<RowGroup> groups;
  private byte[] whole;

  @BeforeEach
  void write() throws IOException {
    path = directory.resolve("part.parquet");
    Records.write(storage, Storage.uri(path.toString()), records, new RowGroupLimit.Rows(ROWS));
    groups = ShardFiles.rowGroups(storage, Storage.uri(path.toString()));
    whole = Files.readAllBytes(path);
  }

  @Test
  void aFlippedByteOfAnImageCostsThatImage() throws IOException {
    damage(find(records.get(2).image()) + 3);
    List<ShardRecord> read = read(RowGroupReader.salvage(storage, groups.get(0)));
    for (int row = 0; row < ROWS; row++) {
      assertThat(read.get(row).isIntact()).isEqualTo(row != 2);
      assertThat(read.get(row).key()).isEqualTo(records.get(row).key());
    }
    assertThat(read.subList(3, ROWS)).isEqualTo(records.subList(3, ROWS));
    assertThatThrownBy(() -> RowGroupReader.read(storage, groups.get(0)))
        .isInstanceOf(DamagedShardException.class)
        .hasMessageStartingWith("Cannot read row group 0 of " + groups.get(0).file())
        .hasMessageContaining("CRC checksum verification failed");
    assertThat(read(RowGroupReader.salvage(storage, groups.get(1))))
        .isEqualTo(records.subList(ROWS, 2 * ROWS));
  }

  @Test
  void aFlippedByteOfAnotherColumnCostsTheRowGroup() throws IOException {
    damage(find(records.get(2).sha256().getBytes(java.nio.charset.StandardCharsets.US_ASCII)) + 9);
    RowGroupContents contents = RowGroupReader.salvage(storage, groups.get(0));
    assertThat(contents).isInstanceOf(RowGroupContents.Lost.class);
    assertThat(((RowGroupContents.Lost) contents).cause())
        .startsWith("Cannot read row group 0 of " + groups.get(0).file())
        .contains("CRC checksum verification failed");
    assertThat(read(RowGroupReader.salvage(storage, groups.get(1))))
        .isEqualTo(records.subList(ROWS, 2 * ROWS));
  }

  /** Wherever it is: what is read as intact is what was written, and nothing else happens. */
  @Test
  void aFlippedByteAnywhereNeitherFailsNorChangesAnImage() throws IOException {
    int intact = 0;
    int lost = 0;
    for (int at = 0; at < whole.length; at += at < whole.length - 1500 ? 97 : 13) {
      damage(at);
      for (int group = 0; group < groups.size(); group++) {
        RowGroupContents contents = RowGroupReader.salvage(storage, groups.get(group));
        if (contents instanceof RowGroupContents.Read read) {
          for (int row = 0; row < ROWS; row++) {
            if (read.records().get(row).isIntact()) {
              assertThat(read.records().get(row)).isEqualTo(records.get(group * ROWS + row));
              intact++;
            }
          }
        } else {
          lost++;
        }
      }
    }
    assertThat(intact).isPositive();
    assertThat(lost).isPositive();
  }

  @Test
  void aTruncatedFileLosesItsRowGroups() throws IOException {
    for (int length : new int[] {0, 3, 11, whole.length / 2, whole.length - 1}) {
      Files.write(path, Arrays.copyOf(whole, length));
      for (RowGroup group : groups) {
        assertThat(RowGroupReader.salvage(storage, group))
            .isInstanceOfSatisfying(
                RowGroupContents.Lost.class,
                lost ->
                    assertThat(lost.cause())
                        .startsWith("Cannot read shard " + group.file() + ": "));
      }
    }
  }

  @Test
  void samplesOfALostRowGroupKeepTheirPositions() throws IOException {
    damage(find(records.get(0).sha256().getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
    EpochOrder order = new EpochOrder(groups, 4, 0);
    ShardSamples samples =
        new ShardSamples(storage, order.slice(0, 2 * ROWS), 0, DamagePolicy.SKIP);
    int lost = 0;
    for (long position = 0; position < 2 * ROWS; position++) {
      ShardSamples.Sample sample = samples.next();
      assertThat(sample.position()).isEqualTo(position);
      if (sample instanceof ShardSamples.Lost one) {
        assertThat(one.group()).isEqualTo(groups.get(0));
        lost++;
      }
    }
    assertThat(lost).isEqualTo(ROWS);
    assertThat(samples.hasNext()).isFalse();
    ShardSamples strict = new ShardSamples(storage, order.slice(0, 2 * ROWS), 0);
    assertThatThrownBy(
            () -> {
              while (strict.hasNext()) {
                strict.next();
              }
            })
        .isInstanceOf(UncheckedIOException.class)
        .hasCauseInstanceOf(DamagedShardException.class);
  }

  @Test
  void aMissingFileIsNoDamage() throws IOException {
    Files.delete(path);
    assertThatThrownBy(() -> RowGroupReader.salvage(storage, groups.get(0)))
        .isInstanceOf(FileNotFoundException.class);
  }

  @Test
  void aStorageThatFailsIsNoDamage() {
    for (Fault fault : List.of(Fault.OPEN, Fault.READ)) {
      Storage failing = faulty(fault);
      FaultyFileSystem.READS.set(0);
      assertThatThrownBy(() -> RowGroupReader.salvage(failing, elsewhere(groups.get(0))))
          .isInstanceOf(IOException.class)
          .isNotInstanceOf(DamagedShardException.class)
          .hasMessageContaining("faulty:" + path)
          .hasMessageContaining("Connection reset");
    }
  }

  @Test
  void whatCameDamagedOverTheNetworkIsReadAgain() throws IOException {
    FaultyFileSystem.READS.set(0);
    assertThat(read(RowGroupReader.salvage(faulty(Fault.FLIP_ONCE), elsewhere(groups.get(0)))))
        .isEqualTo(records.subList(0, ROWS));
    assertThat(FaultyFileSystem.READS).hasValueGreaterThan(FaultyFileSystem.FLIPPED_READ);
  }

  private static Storage faulty(Fault fault) {
    return Storage.of(
        Map.of(
            "fs.faulty.impl",
            FaultyFileSystem.class.getName(),
            FaultyFileSystem.KEY,
            fault.name()));
  }

  private RowGroup elsewhere(RowGroup group) {
    return new RowGroup(URI.create("faulty:" + path), group.ordinal(), group.rows(), group.bytes());
  }

  private static List<ShardRecord> read(RowGroupContents contents) {
    return ((RowGroupContents.Read) contents).records();
  }

  private int find(byte[] place) {
    for (int at = 0; at + place.length <= whole.length; at++) {
      if (Arrays.equals(whole, at, at + place.length, place, 0, place.length)) {
        return at;
      }
    }
    throw new IllegalStateException("Not in the file");
  }

  private void damage(int at) throws IOException {
    byte[] damaged = whole.clone();
    damaged[at] ^= 0x55;
    Files.write(path, damaged);
  }

  private enum Fault {
    OPEN,
    READ,
    FLIP_ONCE
  }

  /** The local file system over a bad line. */
  public static final class FaultyFileSystem extends RawLocalFileSystem {
    static final String KEY = "fs.faulty.fault";

    /** The long read that comes damaged: the first is the footer. */
    static final int FLIPPED_READ = 1;

    static final AtomicInteger READS = new AtomicInteger();

    @Override
    public String getScheme() {
      return "faulty";
    }

    @Override
    public URI getUri() {
      return URI.create("faulty:///");
    }

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path file, int bufferSize)
        throws IOException {
      Fault fault = Fault.valueOf(getConf().get(KEY));
      if (fault == Fault.OPEN) {
        throw new SocketException("Connection reset");
      }
      return new FSDataInputStream(new FaultyStream(super.open(file, bufferSize), fault));
    }
  }

  private static final class FaultyStream extends org.apache.hadoop.fs.FSInputStream {
    private final FSDataInputStream stream;
    private final Fault fault;

    FaultyStream(FSDataInputStream stream, Fault fault) {
      this.stream = stream;
      this.fault = fault;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      if (fault == Fault.READ) {
        throw new SocketException("Connection reset");
      }
      int count = stream.read(bytes, offset, length);
      if (count > 100
          && FaultyFileSystem.READS.getAndIncrement() == FaultyFileSystem.FLIPPED_READ) {
        bytes[offset + count / 2] ^= 1;
      }
      return count;
    }

    @Override
    public void seek(long position) throws IOException {
      stream.seek(position);
    }

    @Override
    public long getPos() throws IOException {
      return stream.getPos();
    }

    @Override
    public boolean seekToNewSource(long position) {
      return false;
    }

    @Override
    public void close() throws IOException {
      stream.close();
    }
  }
}
