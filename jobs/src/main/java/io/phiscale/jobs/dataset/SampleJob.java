package io.phiscale.jobs.dataset;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.ChecksumPolicy;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Draws pictures of each class by a seed and writes them as a {@link ContactSheet}. Row groups are
 * read in a drawn order until every class has enough, so that of a large collection little is read.
 */
public final class SampleJob {
  /** The most rejects that the page lists. */
  public static final int REJECTS = 100;

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session: it reads the rejects
   * @param configuration its {@code data} and {@code storage} sections
   */
  public SampleJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = configuration.storage().open();
  }

  /**
   * What is to be drawn.
   *
   * @param split of which split
   * @param perClass pictures of each class, &gt; 0
   * @param classes classes on the page, the first ones, &gt; 0
   * @param seed decides which
   */
  public record Request(String split, int perClass, int classes, long seed) {
    public Request {
      if (perClass <= 0 || classes <= 0) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid sample: %s pictures of %s classes (each must be > 0)", perClass, classes));
      }
    }
  }

  /**
   * Draws and writes the page.
   *
   * @param page where to
   * @return how many pictures it has
   * @throws IOException if the data set cannot be read or the page not be written
   */
  public int run(Request request, URI page) throws IOException {
    URI root = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, root);
    ShardSplit split = manifest.split(request.split());
    int classes = Math.min(request.classes(), manifest.labels().size());
    Map<String, List<SampledImage>> drawn = draw(request, manifest, root, classes);
    long rejected = manifest.splits().values().stream().mapToLong(ShardSplit::rejected).sum();
    List<ContactSheet.Reject> rejects =
        rejected == 0 ? List.of() : rejects(Storage.resolve(root, "rejects"));
    String html =
        ContactSheet.html(
            configuration.name() + ": " + request.split(),
            String.format(
                "%s images of %s classes in split %s; shown are up to %s of each of %s classes,"
                    + " drawn by seed %s",
                split.images(),
                manifest.labels().size(),
                request.split(),
                request.perClass(),
                classes,
                request.seed()),
            drawn,
            rejects,
            rejected);
    storage.writeUtf8Atomically(page, html);
    return drawn.values().stream().mapToInt(List::size).sum();
  }

  private Map<String, List<SampledImage>> draw(
      Request request, ShardManifest manifest, URI root, int classes) throws IOException {
    Map<String, List<SampledImage>> drawn = new LinkedHashMap<>();
    List<Long> perClass = manifest.split(request.split()).imagesPerClass();
    long wanted = 0;
    for (int label = 0; label < classes; label++) {
      drawn.put(manifest.labels().name(label), new ArrayList<>());
      wanted += Math.min(request.perClass(), perClass.get(label));
    }
    List<RowGroup> groups = new ArrayList<>(manifest.rowGroups(root, request.split()));
    SplittableRandom random = new SplittableRandom(request.seed());
    Map<RowGroup, Long> order = new LinkedHashMap<>();
    groups.forEach(group -> order.put(group, random.nextLong()));
    groups.sort(Comparator.comparing(order::get));
    for (RowGroup group : groups) {
      if (wanted == 0) {
        break;
      }
      for (ShardRecord record : shuffled(group, random)) {
        List<SampledImage> images =
            record.label() < classes ? drawn.get(manifest.labels().name(record.label())) : null;
        if (images != null && images.size() < request.perClass()) {
          images.add(
              new SampledImage(
                  String.format("%s, %s x %s px", record.key(), record.width(), record.height()),
                  "image/" + record.format(),
                  ByteBuffer.wrap(record.image())));
          wanted--;
        }
      }
    }
    return drawn;
  }

  private List<ShardRecord> shuffled(RowGroup group, SplittableRandom random) throws IOException {
    List<ShardRecord> records =
        new ArrayList<>(RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY));
    for (int i = records.size() - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      ShardRecord swapped = records.set(i, records.get(j));
      records.set(j, swapped);
    }
    return records;
  }

  private List<ContactSheet.Reject> rejects(URI folder) {
    List<Row> rows =
        SparkJobs.run(
            JavaSparkContext.fromSparkContext(session.sparkContext()),
            "Sample: read the rejects",
            configuration.spark().deadline(),
            "spark.deadline",
            () ->
                session
                    .read()
                    .parquet(folder.toString())
                    .select("key", "split", "reason", "detail")
                    .orderBy("reason", "key")
                    .limit(REJECTS)
                    .collectAsList());
    List<ContactSheet.Reject> rejects = new ArrayList<>();
    for (Row row : rows) {
      rejects.add(
          new ContactSheet.Reject(
              row.getString(0), row.getString(1), row.getString(2), row.getString(3)));
    }
    return rejects;
  }
}
