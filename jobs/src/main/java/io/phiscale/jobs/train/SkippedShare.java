package io.phiscale.jobs.train;

import io.phiscale.jobs.run.SkippedImages;
import io.phiscale.pipeline.batch.SkipReason;
import io.phiscale.pipeline.batch.SkippedSample;
import io.phiscale.pipeline.shard.RowGroupSlice;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** Says where the samples lie that a worker left out of its share. */
final class SkippedShare {
  private SkippedShare() {}

  /**
   * One entry per image, or per row group that is damaged as a whole.
   *
   * @param round number of the round, from 1
   * @param epoch epochs completed
   * @param start position of the first sample of the share
   * @param slices all samples of the share
   * @param skipped those that were left out, in the order of positions
   */
  static List<SkippedImages> of(
      int round, int epoch, long start, List<RowGroupSlice> slices, List<SkippedSample> skipped) {
    List<SkippedImages> entries = new ArrayList<>();
    Iterator<RowGroupSlice> remaining = slices.iterator();
    RowGroupSlice slice = null;
    long end = start;
    for (int i = 0; i < skipped.size(); ) {
      SkippedSample sample = skipped.get(i);
      while (sample.position() >= end) {
        slice = remaining.next();
        end += slice.count();
      }
      int count = 1;
      boolean whole = sample.reason() == SkipReason.DAMAGED_ROW_GROUP;
      while (whole && i + count < skipped.size() && skipped.get(i + count).position() < end) {
        count++;
      }
      entries.add(
          new SkippedImages(
              round,
              epoch,
              slice.group().file().toString(),
              slice.group().ordinal(),
              count,
              sample.reason().id(),
              whole ? "" : sample.key(),
              sample.cause()));
      i += count;
    }
    return entries;
  }
}
