package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.config.DataSection.Reading;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.source.ScannedSource;
import io.phiscale.pipeline.source.SourceItem;
import io.phiscale.pipeline.source.SourceSplit;
import io.phiscale.pipeline.source.SynsetHierarchy;
import io.phiscale.pipeline.source.SynsetTarsSource;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.Function;

/** A collection of files: one task reads one split. */
final class SplitInput implements Input {
  private final JavaSparkContext spark;
  private final Storage storage;
  private final DatasetSource source;
  private final DataSection data;
  private final Duration deadline;
  private List<SourceSplit> splits;

  private SplitInput(
      JavaSparkContext spark,
      Storage storage,
      DatasetSource source,
      DataSection data,
      Duration deadline) {
    this.spark = spark;
    this.storage = storage;
    this.source = source;
    this.data = data;
    this.deadline = deadline;
  }

  /**
   * The collection, with its classes chosen as the configuration asks.
   *
   * @param data says which classes of an ImageNet-21k are kept, and how images are checked
   * @param deadline longest time in which no task of a job ends
   */
  static SplitInput of(
      JavaSparkContext spark,
      Storage storage,
      DatasetSource source,
      DataSection data,
      Duration deadline)
      throws IOException {
    return new SplitInput(
        spark,
        storage,
        source instanceof SynsetTarsSource tars
            ? chosen(spark, storage, tars, data.source().reading(), deadline)
            : source,
        data,
        deadline);
  }

  private static SynsetTarsSource chosen(
      JavaSparkContext spark,
      Storage storage,
      SynsetTarsSource all,
      Reading reading,
      Duration deadline)
      throws IOException {
    SynsetTarsSource chosen = all;
    if (isSet(reading.ancestors())) {
      Set<String> targets = new HashSet<>();
      for (String line :
          storage.readUtf8(Storage.uri(reading.ancestors().toString())).lines().toList()) {
        if (!line.isBlank()) {
          targets.add(line.strip().split("\\s+", 2)[0]);
        }
      }
      SynsetHierarchy hierarchy =
          SynsetHierarchy.read(storage, Storage.uri(reading.hierarchy().toString()));
      chosen = chosen.mapped(hierarchy, targets, storage);
    }
    if (reading.minImages() > 0) {
      List<SourceSplit> splits = chosen.splits(storage);
      Map<String, Long> counts = new HashMap<>();
      for (Map<String, Long> counted :
          SparkJobs.run(
              spark,
              "Shard: count the images per class of " + chosen.description(),
              deadline,
              "spark.deadline",
              spark.parallelize(splits, splits.size()).map(new Count(chosen, storage))::collect)) {
        counted.forEach((name, images) -> counts.merge(name, images, Long::sum));
      }
      chosen = chosen.keeping(counts, reading.minImages(), storage);
    }
    return chosen;
  }

  private static boolean isSet(URI uri) {
    return !uri.toString().isEmpty();
  }

  @Override
  public String description() {
    return source.description();
  }

  @Override
  public LabelSpace labels() throws IOException {
    if (!(source instanceof ScannedSource scanned)) {
      return source.labelSpace(storage);
    }
    Optional<LabelSpace> listed = scanned.listedLabels(storage);
    if (listed.isPresent()) {
      return listed.get();
    }
    return scanned.labels(
        new TreeSet<>(
            SparkJobs.run(
                spark,
                "Shard: find the classes of " + source.description(),
                deadline,
                "spark.deadline",
                spark
                        .parallelize(splits(), splits().size())
                        .flatMap(new ClassNames(scanned, storage))
                        .distinct()
                    ::collect)));
  }

  private List<SourceSplit> splits() throws IOException {
    if (splits == null) {
      splits = source.splits(storage);
    }
    return splits;
  }

  @Override
  public long bytes() throws IOException {
    return splits().stream().mapToLong(SourceSplit::bytes).sum();
  }

  @Override
  public boolean hasSoftTargets() {
    return false;
  }

  @Override
  public SortedMap<String, SourceFiles.State> files(String split) throws IOException {
    SortedMap<String, SourceFiles.State> files = new TreeMap<>();
    for (SourceSplit part : splits()) {
      if (part instanceof SourceSplit.FileGroup group) {
        group.files().forEach(file -> add(files, split, file));
      } else if (part instanceof SourceSplit.TarRange range) {
        addTar(files, split, range.tar());
      } else if (part instanceof SourceSplit.CompressedTar tar) {
        addTar(files, split, tar.tar());
      } else if (part instanceof SourceSplit.AlreadyRejected rejected) {
        rejected
            .items()
            .forEach(
                item ->
                    files.put(
                        SourceFiles.rejectedName(split, item.key()), new SourceFiles.State(0, 0)));
      }
    }
    return files;
  }

  private static void add(
      SortedMap<String, SourceFiles.State> files, String split, StoredFile file) {
    files.put(
        SourceFiles.name(split, file.uri()),
        new SourceFiles.State(file.bytes(), file.modifiedMillis()));
  }

  /** Ranges of one tar are many: it is looked up once. */
  private void addTar(SortedMap<String, SourceFiles.State> files, String split, URI tar)
      throws IOException {
    if (!files.containsKey(SourceFiles.name(split, tar))) {
      add(files, split, storage.file(tar));
    }
  }

  @Override
  public Input only(String split, Set<String> names) throws IOException {
    List<SourceSplit> kept = new ArrayList<>();
    for (SourceSplit part : splits()) {
      if (part instanceof SourceSplit.FileGroup group) {
        List<StoredFile> files =
            group.files().stream()
                .filter(file -> names.contains(SourceFiles.name(split, file.uri())))
                .toList();
        if (!files.isEmpty()) {
          kept.add(new SourceSplit.FileGroup(files));
        }
      } else if (part instanceof SourceSplit.TarRange range) {
        if (names.contains(SourceFiles.name(split, range.tar()))) {
          kept.add(range);
        }
      } else if (part instanceof SourceSplit.CompressedTar tar) {
        if (names.contains(SourceFiles.name(split, tar.tar()))) {
          kept.add(tar);
        }
      } else if (part instanceof SourceSplit.AlreadyRejected rejected) {
        List<SourceItem.Rejected> items =
            rejected.items().stream()
                .filter(item -> names.contains(SourceFiles.rejectedName(split, item.key())))
                .toList();
        if (!items.isEmpty()) {
          kept.add(new SourceSplit.AlreadyRejected(items));
        }
      }
    }
    SplitInput part = new SplitInput(spark, storage, source, data, deadline);
    part.splits = kept;
    return part;
  }

  @Override
  public JavaPairRDD<Placement, CheckedItem> read(
      LabelSpace labels, ShardLayout layout, String split) throws IOException {
    List<CheckImages.Assignment> assignments =
        splits().stream().map(part -> new CheckImages.Assignment(source, part, split)).toList();
    return spark
        .parallelize(assignments, assignments.size())
        .mapPartitionsToPair(new CheckImages(storage, labels, layout, data));
  }

  /** The images per class of a split. */
  private static final class Count implements Function<SourceSplit, Map<String, Long>> {
    private static final long serialVersionUID = 1L;
    private final SynsetTarsSource source;
    private final Storage storage;

    Count(SynsetTarsSource source, Storage storage) {
      this.source = source;
      this.storage = storage;
    }

    @Override
    public Map<String, Long> call(SourceSplit split) throws IOException {
      return source.images(split, storage);
    }
  }

  /** The class names that occur in a split. */
  private static final class ClassNames implements FlatMapFunction<SourceSplit, String> {
    private static final long serialVersionUID = 1L;
    private final ScannedSource source;
    private final Storage storage;

    ClassNames(ScannedSource source, Storage storage) {
      this.source = source;
      this.storage = storage;
    }

    @Override
    public Iterator<String> call(SourceSplit split) throws IOException {
      return source.classNames(split, storage).iterator();
    }
  }
}
