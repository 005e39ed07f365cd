package io.phiscale.pipeline.shard;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Stored images made up for tests. Their bytes are no images: nothing here decodes them. */
final class Records {
  private Records() {}

  /** Record number i has label i modulo 3 and 10 + 7 i bytes. */
  static List<ShardRecord> some(int count) {
    List<ShardRecord> records = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] image = new byte[10 + 7 * i];
      new SplittableRandom(i).nextBytes(image);
      records.add(
          ShardRecord.of(
              "class-%s/bild-ä-%05d.png".formatted(i % 3, i), i % 3, image, 32 + i, 24, "png"));
    }
    return records;
  }

  static void write(
      Storage storage, URI file, List<ShardRecord> records, ShardWriter.RowGroupLimit limit)
      throws IOException {
    try (ShardWriter writer = new ShardWriter(storage, file, limit)) {
      for (ShardRecord record : records) {
        writer.write(record);
      }
    }
  }
}
