package io.phiscale.jobs.dataset;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.jobs.train.NetworkPlan;
import io.phiscale.jobs.train.TrainingPictures;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.image.TrainTransform;
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
import java.util.stream.IntStream;
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
    this.storage = DriverStorage.of(configuration);
  }

  /** Epochs of which {@link Show#AUGMENTED} shows what training sees. */
  public static final int EPOCHS = 6;

  /** What the page shows of an image. */
  public enum Show {
    /** The stored image. */
    STORED,
    /** Beside it, what the network sees in each of the first {@value #EPOCHS} epochs. */
    AUGMENTED
  }

  /**
   * What is to be drawn.
   *
   * @param split of which split
   * @param perClass pictures of each class, &gt; 0
   * @param classes classes on the page, the first ones, &gt; 0
   * @param seed decides which
   * @param show whether the images as they are stored, or also what training sees of them
   */
  public record Request(String split, int perClass, int classes, long seed, Show show) {
    public Request {
      if (show == Show.AUGMENTED && !split.equals("train")) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid split to show augmented: %s (must be train: no other is augmented)",
                split));
      }
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
    ShardManifest manifest = ShardManifest.read(storage, root, configuration.data().version());
    ShardSplit split = manifest.split(request.split());
    int classes = Math.min(request.classes(), manifest.labels().size());
    Map<String, List<SampledImage>> drawn = draw(request, manifest, root, classes);
    long rejected = manifest.splits().values().stream().mapToLong(ShardSplit::rejected).sum();
    List<ContactSheet.Reject> rejects =
        rejected == 0 ? List.of() : rejects(root, manifest.version());
    String html =
        ContactSheet.html(
            configuration.name() + ": " + request.split(),
            String.format(
                "%s images of %s classes in split %s; shown are up to %s of each of %s classes,"
                    + " drawn by seed %s%s",
                split.images(),
                manifest.labels().size(),
                request.split(),
                request.perClass(),
                classes,
                request.seed(),
                request.show() == Show.AUGMENTED ? augmentations(manifest) : ""),
            drawn,
            rejects,
            rejected);
    storage.writeUtf8Atomically(page, html);
    return drawn.values().stream().mapToInt(List::size).sum();
  }

  private TrainTransform transform(ShardManifest manifest) {
    return TrainingPictures.transform(
        NetworkPlan.of(configuration.network(), manifest.labels().size()).spec().resolutionPx(),
        configuration.train().augment());
  }

  private String augmentations(ShardManifest manifest) {
    Augmentation augmentation = TrainingPictures.augmentation(configuration.train().augment());
    return String.format(
        ". First the stored image, then what the network sees of it at %s px in each of the first"
            + " %s epochs, by train.augment and train.seed = %s%s.",
        transform(manifest).resolutionPx(),
        EPOCHS,
        configuration.train().seed(),
        augmentation.mixing().mixes()
            ? "; before Mixup and CutMix, which depend on the rest of the batch"
            : "");
  }

  private Map<String, List<SampledImage>> draw(
      Request request, ShardManifest manifest, URI root, int classes) throws IOException {
    if (request.show() == Show.STORED) {
      return draw(request, manifest, root, classes, (group, row, image) -> List.of());
    }
    try (TrainingViews views =
        new TrainingViews(
            transform(manifest),
            TrainingPictures.augmentation(configuration.train().augment()),
            manifest.rowGroups(root, request.split()),
            configuration.train().seed(),
            EPOCHS,
            configuration.data().maxPixels())) {
      return draw(request, manifest, root, classes, views::of);
    }
  }

  /** What is shown beside an image. */
  private interface Views {
    List<SampledImage> of(int group, int row, byte[] encoded);
  }

  private Map<String, List<SampledImage>> draw(
      Request request, ShardManifest manifest, URI root, int classes, Views views)
      throws IOException {
    Map<String, List<SampledImage>> drawn = new LinkedHashMap<>();
    List<Long> perClass = manifest.split(request.split()).imagesPerClass();
    long wanted = 0;
    for (int label = 0; label < classes; label++) {
      drawn.put(manifest.labels().name(label), new ArrayList<>());
      wanted += Math.min(request.perClass(), perClass.get(label));
    }
    List<RowGroup> groups = manifest.rowGroups(root, request.split());
    SplittableRandom random = new SplittableRandom(request.seed());
    long[] order = groups.stream().mapToLong(group -> random.nextLong()).toArray();
    List<Integer> visited =
        IntStream.range(0, groups.size())
            .boxed()
            .sorted(Comparator.comparing(group -> order[group]))
            .toList();
    for (int group : visited) {
      if (wanted == 0) {
        break;
      }
      List<ShardRecord> records =
          RowGroupReader.read(storage, groups.get(group), ChecksumPolicy.VERIFY);
      for (int row : shuffled(records.size(), random)) {
        ShardRecord record = records.get(row);
        List<SampledImage> images =
            record.label() < classes ? drawn.get(manifest.labels().name(record.label())) : null;
        if (images != null && images.size() < request.perClass()) {
          images.add(
              new SampledImage(
                  String.format("%s, %s x %s px", record.key(), record.width(), record.height()),
                  "image/" + record.format(),
                  ByteBuffer.wrap(record.image()),
                  views.of(group, row, record.image())));
          wanted--;
        }
      }
    }
    return drawn;
  }

  private static int[] shuffled(int size, SplittableRandom random) {
    int[] rows = IntStream.range(0, size).toArray();
    for (int i = size - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = rows[i];
      rows[i] = rows[j];
      rows[j] = swapped;
    }
    return rows;
  }

  private List<ContactSheet.Reject> rejects(URI root, int version) throws IOException {
    List<String> folders = new ArrayList<>();
    for (int each = 1; each <= version; each++) {
      URI folder = Storage.resolve(ShardManifest.folder(root, each), "rejects");
      if (storage.isDirectory(folder)) {
        folders.add(folder.toString());
      }
    }
    List<Row> rows =
        SparkJobs.run(
            JavaSparkContext.fromSparkContext(session.sparkContext()),
            "Sample: read the rejects",
            configuration.spark().deadline(),
            "spark.deadline",
            () ->
                session
                    .read()
                    .parquet(folders.toArray(String[]::new))
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
