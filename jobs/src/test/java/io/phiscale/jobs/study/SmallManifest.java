package io.phiscale.jobs.study;

import io.phiscale.pipeline.shard.ImageStatistics;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.ShardFile;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Manifests of shards that do not exist, for plans. */
final class SmallManifest {
  private SmallManifest() {}

  /** Ten images a row group, four row groups a file. */
  static ShardManifest of(int classes, int rowGroups) {
    List<ShardFile> files = new ArrayList<>();
    for (int group = 0; group < rowGroups; group += 4) {
      int here = Math.min(4, rowGroups - group);
      files.add(
          new ShardFile(
              "train/" + group + ".parquet",
              10L * here,
              1000,
              "digest",
              Collections.nCopies(here, new ShardFile.RowGroupEntry(10, 100, 4))));
    }
    List<Long> perClass = new ArrayList<>(Collections.nCopies(classes, 0L));
    perClass.set(0, 10L * rowGroups);
    ShardSplit train =
        new ShardSplit(
            "nowhere",
            10L * rowGroups,
            1000L * files.size(),
            perClass,
            Map.of(),
            files,
            ImageStatistics.UNKNOWN);
    return ShardManifest.of(
        1,
        "small",
        "test",
        0,
        "",
        "",
        LabelSpace.of(IntStream.range(0, classes).mapToObj(c -> "c" + c).toList()),
        Map.of("train", train));
  }
}
