package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.ChecksumPolicy;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardFiles;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.source.WebDatasetWriter;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Serializable;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.SparkSession;

/**
 * Writes sharded images as WebDataset tars, so that PyTorch reads them: one tar per shard, in the
 * shards' order, the stored bytes unchanged and their checksums verified.
 *
 * <pre>
 *   OUTPUT/train-000000.tar ...    KEY.cls, KEY.jpg, KEY.json per image
 *   OUTPUT/val-000000.tar ...
 *   OUTPUT/classes.txt             class names in label order; written last
 * </pre>
 */
public final class ExportJob {
  /** The list of classes, with which an export is whole. */
  public static final String CLASSES = "classes.txt";

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data.shards} and {@code storage}
   */
  public ExportJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /**
   * What was written.
   *
   * @param tars number of tars by split
   * @param images number of images by split
   */
  public record Result(Map<String, Integer> tars, Map<String, Long> images) {}

  /** A shard and the tar it becomes. */
  private record Pair(URI shard, URI tar) implements Serializable {}

  /**
   * Runs the job. A tar appears when it is whole; a repeated run writes the same bytes.
   *
   * @param output folder, which must not hold a whole export
   * @throws IOException if a shard cannot be read or differs from its checksum, or a tar cannot be
   *     written
   */
  public Result run(URI output) throws IOException {
    URI root = Storage.uri(configuration.data().shards().toString());
    URI list = Storage.resolve(output, CLASSES);
    if (storage.exists(list)) {
      throw new IOException(
          String.format("Will not overwrite the export in %s: remove it first", output));
    }
    ShardManifest manifest = ShardManifest.read(storage, root, configuration.data().version());
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Map<String, Integer> tars = new TreeMap<>();
    Map<String, Long> images = new TreeMap<>();
    for (String split : manifest.splits().keySet()) {
      List<Pair> pairs = new ArrayList<>();
      manifest
          .split(split)
          .files()
          .forEach(
              file ->
                  pairs.add(
                      new Pair(
                          Storage.resolve(root, file.path()),
                          Storage.resolve(
                              output, String.format("%s-%06d.tar", split, pairs.size())))));
      if (pairs.isEmpty()) {
        continue;
      }
      List<Long> written =
          SparkJobs.run(
              spark,
              "Export " + split + " as WebDataset to " + output,
              configuration.spark().deadline(),
              "spark.deadline",
              spark.parallelize(pairs, pairs.size()).map(new Export(storage, manifest.labels()))
                  ::collect);
      tars.put(split, written.size());
      images.put(split, written.stream().mapToLong(Long::longValue).sum());
    }
    storage.writeUtf8Atomically(list, String.join("\n", manifest.labels().names()) + "\n");
    return new Result(tars, images);
  }

  /** Writes one tar; returns the number of images. */
  private static final class Export implements Function<Pair, Long> {
    private static final long serialVersionUID = 1L;
    private final Storage storage;
    private final LabelSpace labels;

    Export(Storage storage, LabelSpace labels) {
      this.storage = storage;
      this.labels = labels;
    }

    @Override
    public Long call(Pair pair) throws IOException {
      List<RowGroup> groups = ShardFiles.rowGroups(storage, pair.shard());
      storage.writeAtomically(pair.tar(), out -> write(groups, out));
      return groups.stream().mapToLong(RowGroup::rows).sum();
    }

    private void write(List<RowGroup> groups, OutputStream out) throws IOException {
      // Not closed: the stream is the storage's.
      WebDatasetWriter writer = new WebDatasetWriter(out);
      for (RowGroup group : groups) {
        for (ShardRecord image : RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY)) {
          writer.write(image, labels.name(image.label()));
        }
      }
      writer.finish();
    }
  }
}
