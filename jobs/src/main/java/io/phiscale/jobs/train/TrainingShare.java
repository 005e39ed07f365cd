package io.phiscale.jobs.train;

import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardManifest;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;

/**
 * The part of the training images that a run sees. Shards are written in random order, so the first
 * row groups are a random sample, and that of a smaller fraction is part of that of a larger one.
 *
 * @param rowGroups in the manifest's order, not empty
 * @param images in them, &gt; 0
 */
public record TrainingShare(List<RowGroup> rowGroups, long images) {
  public TrainingShare {
    rowGroups = List.copyOf(rowGroups);
  }

  /**
   * The fewest row groups that hold a share of the images.
   *
   * @param manifest of the shards
   * @param shards their folder
   * @param fraction of the training images, (0, 1]; 1 is all of them
   */
  public static TrainingShare of(ShardManifest manifest, URI shards, double fraction) {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid share of the training images: %s (must be in (0, 1])", fraction));
    }
    double wanted = fraction * manifest.split("train").images();
    List<RowGroup> taken = new ArrayList<>();
    long images = 0;
    for (RowGroup group : manifest.rowGroups(shards, "train")) {
      if (images >= wanted) {
        break;
      }
      taken.add(group);
      images += group.rows();
    }
    return new TrainingShare(taken, images);
  }
}
