package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import java.util.List;

/** What {@link RowGroupReader#salvage} makes of a row group. */
public sealed interface RowGroupContents {

  /**
   * Its images, in file order. Damage, where there is any, lies in images alone: {@link
   * ShardRecord#isIntact} tells which.
   *
   * @param records one per row
   * @param compared whether every page of images had a checksum, and its bytes were right: images
   *     are then as they were written
   */
  record Read(List<ShardRecord> records, boolean compared) implements RowGroupContents {
    public Read {
      records = List.copyOf(records);
    }
  }

  /**
   * Nothing, as it is damaged.
   *
   * @param cause what is wrong; names the file and the row group
   */
  record Lost(String cause) implements RowGroupContents {
    public Lost {
      requireNonNull(cause, "cause");
    }
  }
}
