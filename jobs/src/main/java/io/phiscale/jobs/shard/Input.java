package io.phiscale.jobs.shard;

import io.phiscale.pipeline.shard.LabelSpace;
import java.io.IOException;
import java.util.Set;
import java.util.SortedMap;
import org.apache.spark.api.java.JavaPairRDD;

/** A collection as the sharding job reads it: files of splits, or rows of a table. */
interface Input {
  /** What is read from where, for provenance and messages. */
  String description();

  /**
   * The classes of this collection.
   *
   * @throws IOException if there is no image; names the URI and the expected layout
   */
  LabelSpace labels() throws IOException;

  /** About how many bytes its images have, which decides the number of shards. */
  long bytes() throws IOException;

  /** Whether its images may have several labels with weights. */
  boolean hasSoftTargets();

  /**
   * The files it is read from, by {@link SourceFiles#name}.
   *
   * @param split what its images are for
   */
  SortedMap<String, SourceFiles.State> files(String split) throws IOException;

  /**
   * The part of it that lies in some of its files.
   *
   * @param split what its images are for
   * @param names some of {@link #files}, at least one
   */
  Input only(String split, Set<String> names) throws IOException;

  /** Reads and checks every image, and places it in the shuffle; nothing runs yet. */
  JavaPairRDD<Placement, CheckedItem> read(LabelSpace labels, ShardLayout layout, String split)
      throws IOException;
}
