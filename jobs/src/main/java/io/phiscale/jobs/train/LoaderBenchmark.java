package io.phiscale.jobs.train;

import com.sun.management.OperatingSystemMXBean;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.batch.LoaderStatistics;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Times the loader of a configuration on its shards, in this process, with nobody to use it. */
public final class LoaderBenchmark {
  private static final int WARM_UP = 3;

  private LoaderBenchmark() {}

  /** What is done to images. */
  public enum Mode {
    /** As in training: random crops, and {@code train.augment}. */
    TRAIN,
    /** As in evaluation: the centre. */
    EVAL
  }

  /**
   * What is measured.
   *
   * @param split which images
   * @param mode what is done to them
   * @param resolutionPx side of the images made, &gt; 0
   * @param passes over the images, after those that warm up, &gt; 0
   */
  public record Setting(String split, Mode mode, int resolutionPx, int passes) {
    public Setting {
      if (resolutionPx <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid resolution: %s (must be > 0)", resolutionPx));
      }
      if (passes <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid number of passes: %s (must be > 0)", passes));
      }
    }
  }

  /**
   * One pass.
   *
   * @param seconds wall time
   * @param cpuSeconds of the whole process
   * @param loader what the loader counted
   */
  private record Pass(double seconds, double cpuSeconds, LoaderStatistics loader) {}

  /**
   * What was measured.
   *
   * @param line in one line: the median pass
   * @param table where the time of an image went in it
   */
  public record Result(String line, String table) {}

  /**
   * Measures.
   *
   * @throws IOException if the shards cannot be read
   */
  public static Result run(PhiscaleConfiguration configuration, Setting setting)
      throws IOException {
    Storage storage = Storage.of(configuration.storage().hadoopProperties());
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    List<RowGroup> groups = manifest.rowGroups(shards, setting.split());
    long bytes = groups.stream().mapToLong(RowGroup::bytes).sum();
    List<Pass> passes = new ArrayList<>();
    for (int pass = 0; pass < WARM_UP + setting.passes(); pass++) {
      Pass measured = pass(configuration, setting, storage, groups, pass);
      if (pass >= WARM_UP) {
        passes.add(measured);
      }
    }
    passes.sort(Comparator.comparingDouble(Pass::seconds));
    Pass median = passes.get(passes.size() / 2);
    LoaderStatistics loader = median.loader();
    String line =
        String.format(
            Locale.ROOT,
            "loader %s res=%d threads=%d: %.1f images/s, median of %d passes (%d images, %d KiB"
                + " mean, %d skipped); CPU %.3f ms an image",
            setting.mode().name().toLowerCase(Locale.ROOT),
            setting.resolutionPx(),
            configuration.train().loader().threads(),
            loader.images() / median.seconds(),
            passes.size(),
            loader.images(),
            bytes / 1024 / Math.max(1, loader.images() + loader.totalSkipped()),
            loader.totalSkipped(),
            1e3 * median.cpuSeconds() / loader.images());
    String table =
        String.format(
            Locale.ROOT,
            "ms an image: checksum and decoding %.3f, crop to augmentation %.3f, reading %.3f",
            millis(loader.decodeTime(), loader),
            millis(loader.transformTime(), loader),
            millis(loader.sourceTime(), loader));
    return new Result(line, table);
  }

  private static double millis(Duration time, LoaderStatistics loader) {
    return time.toNanos() / 1e6 / Math.max(1, loader.images());
  }

  private static Pass pass(
      PhiscaleConfiguration configuration,
      Setting setting,
      Storage storage,
      List<RowGroup> groups,
      int epoch) {
    ImageTransform transform =
        setting.mode() == Mode.EVAL
            ? EvaluationTransform.centreCrop(setting.resolutionPx())
            : TrainingPictures.transform(setting.resolutionPx(), configuration.train().augment());
    Augmentation augmentation =
        setting.mode() == Mode.EVAL
            ? Augmentation.NONE
            : TrainingPictures.augmentation(configuration.train().augment());
    EpochOrder order = new EpochOrder(groups, configuration.train().seed(), epoch);
    long cpu = processNanos();
    long start = System.nanoTime();
    try (BatchLoader loader =
        Loaders.open(
            storage,
            order.slice(0, order.size()),
            0,
            DamagePolicy.SKIP,
            transform,
            augmentation,
            configuration.train().seed(),
            epoch,
            LoaderSettings.ofBatchSize(configuration.train().batchSize())
                .withThreads(configuration.train().loader().threads())
                .withQueueDepth(configuration.train().loader().queueBatches())
                .withMaxPixels(configuration.data().maxPixels()))) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        next.get().close();
      }
      return new Pass(
          (System.nanoTime() - start) / 1e9, (processNanos() - cpu) / 1e9, loader.statistics());
    }
  }

  private static long processNanos() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
  }
}
