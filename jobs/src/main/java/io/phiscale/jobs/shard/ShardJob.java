package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.config.DataSection.Deduplicate;
import io.phiscale.jobs.config.DataSection.Validation;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.BuildInfo;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.ImageStatistics;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.ShardContents;
import io.phiscale.pipeline.shard.ShardFiles;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.rdd.PartitionPruningRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import scala.Tuple2;

/**
 * Shards an image collection.
 *
 * <pre>
 *   SHARDS/train/part-*.parquet      shuffled images, one row each
 *   SHARDS/val/part-*.parquet
 *   SHARDS/minival/part-*.parquet    held out of train, to choose between checkpoints
 *   SHARDS/rejects/part-*.parquet    what was refused, and why
 *   SHARDS/sources/v1.tsv            which files it was made from
 *   SHARDS/manifest.json             counts, classes, digests; written last
 * </pre>
 *
 * <p>What is added later lies in the same folders below {@code SHARDS/v2}, and so on, with a
 * manifest of all versions' shards; what was there is not touched.
 *
 * <p>Every image is read once, decoded once and shuffled once by a hash of (seed, key); the shuffle
 * is then counted, and only if few enough items were refused is anything written. What a table of
 * Parquet files holds depends on the collection and the configuration alone.
 */
public final class ShardJob {
  /** Images after which the size of a row group is looked at, at the latest. */
  private static final int MOST_ROWS_UNSEEN = 100;

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data} and {@code storage} sections
   */
  public ShardJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /** What became of the job. */
  public sealed interface Result {
    /** What the shards hold. */
    ShardManifest manifest();

    /** The shards were written. */
    record Written(ShardManifest manifest) implements Result {}

    /** Shards of the same configuration were there already. */
    record AlreadyThere(ShardManifest manifest) implements Result {}

    /**
     * A version was added.
     *
     * @param manifest of all versions
     * @param sourceFiles how many new files of the collection were read
     */
    record Added(ShardManifest manifest, int sourceFiles) implements Result {}
  }

  /**
   * Runs the job.
   *
   * @throws IOException if the collection cannot be read or the shards cannot be written
   * @throws IllegalStateException if too many items were refused, or other shards are in the way
   */
  public Result run() throws IOException {
    DataSection data = configuration.data();
    URI root = Storage.uri(data.shards().toString());
    String digest = digest();
    if (storage.exists(ShardManifest.location(root))) {
      ShardManifest existing = ShardManifest.read(storage, root);
      if (existing.configDigest().equals(digest)) {
        return new Result.AlreadyThere(existing);
      }
      throw new IllegalStateException(
          String.format(
              "Shards of another configuration lie in %s: delete them or set data.shards to"
                  + " another folder",
              root));
    }
    Inputs inputs = new Inputs(session, storage, data, configuration.spark().deadline());
    Parts all = new Parts(Optional.of(inputs.train()), inputs.validation());
    SourceFiles sources = sources(all);
    return new Result.Written(shard(all, all, inputs.labels(), sources, digest, Optional.empty()));
  }

  /**
   * Adds what the collection has more than when its shards were made, as a new version; shards them
   * if they are not there. Interrupted and run again, it ends with the same shards.
   *
   * <p>Classes are those of the first version: they are a network's outputs. An image goes to the
   * split that its key and the seed say, as if it had been there from the beginning.
   *
   * @throws IOException if the collection or the shards cannot be read or written, if a file that
   *     the shards were made from is gone or has changed, or if there is an image of a new class
   * @throws IllegalStateException if too many items were refused, or the shards are of another
   *     configuration
   */
  public Result increment() throws IOException {
    DataSection data = configuration.data();
    URI root = Storage.uri(data.shards().toString());
    if (!storage.exists(ShardManifest.location(root))) {
      return run();
    }
    // Of another configuration: refused there.
    ShardManifest earlier = run().manifest();
    Inputs inputs = new Inputs(session, storage, data, configuration.spark().deadline());
    Parts all = new Parts(Optional.of(inputs.train()), inputs.validation());
    SourceFiles sources = sources(all);
    Set<String> added =
        new TreeSet<>(SourceFiles.read(storage, root, earlier).added(sources, root));
    if (added.isEmpty()) {
      return new Result.AlreadyThere(earlier);
    }
    Parts parts =
        new Parts(
            part(all.train(), ShardLayout.TRAIN, added),
            part(all.validation(), ShardLayout.VALIDATION, added));
    if (parts.train().isPresent()) {
      requireKnownClasses(parts.train().get(), earlier.labels(), root);
    }
    return new Result.Added(
        shard(parts, all, earlier.labels(), sources, earlier.configDigest(), Optional.of(earlier)),
        added.size());
  }

  /** The collections, or what is new of them. */
  private record Parts(Optional<Input> train, Optional<Input> validation) {}

  private static SourceFiles sources(Parts all) throws IOException {
    SortedMap<String, SourceFiles.State> files = new TreeMap<>();
    if (all.train().isPresent()) {
      files.putAll(all.train().get().files(ShardLayout.TRAIN));
    }
    if (all.validation().isPresent()) {
      files.putAll(all.validation().get().files(ShardLayout.VALIDATION));
    }
    return new SourceFiles(files);
  }

  private static Optional<Input> part(Optional<Input> input, String split, Set<String> names)
      throws IOException {
    return input.isPresent() && names.stream().anyMatch(name -> name.startsWith(split + " "))
        ? Optional.of(input.get().only(split, names))
        : Optional.empty();
  }

  private static void requireKnownClasses(Input added, LabelSpace labels, URI root)
      throws IOException {
    List<String> unknown =
        added.labels().names().stream().filter(name -> labels.indexOf(name).isEmpty()).toList();
    if (!unknown.isEmpty()) {
      throw new IOException(
          String.format(
              "Cannot add to the shards in %s: the collection now has %s (%s), and the %s classes of"
                  + " a data set are fixed, as networks are trained on them; take their files out,"
                  + " or shard all anew into another folder (data.shards)",
              root,
              unknown.size() == 1 ? "a new class" : unknown.size() + " new classes",
              unknown.stream().limit(3).collect(Collectors.joining(", "))
                  + (unknown.size() > 3 ? ", ..." : ""),
              labels.size()));
    }
  }

  private ShardManifest shard(
      Parts parts,
      Parts all,
      LabelSpace labels,
      SourceFiles sources,
      String digest,
      Optional<ShardManifest> earlier)
      throws IOException {
    DataSection data = configuration.data();
    URI root = Storage.uri(data.shards().toString());
    int version = earlier.map(manifest -> manifest.version() + 1).orElse(1);
    URI folder = ShardManifest.folder(root, version);
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Input train = all.train().orElseThrow();
    long trainBytes = parts.train().isPresent() ? parts.train().get().bytes() : 0;
    long validationBytes = parts.validation().isPresent() ? parts.validation().get().bytes() : 0;
    double heldOut =
        data.source().validation() instanceof Validation.HeldOut share ? share.fraction() : 0;
    double minival = data.source().minivalFraction();
    double trained = (1 - heldOut) * (1 - minival);
    long shardBytes = data.shardBytes();
    ShardLayout layout =
        new ShardLayout(
            data.seed(),
            shards((long) (trainBytes * trained), shardBytes),
            all.validation().isPresent()
                ? shards(validationBytes, shardBytes)
                : heldOut > 0 ? shards((long) (trainBytes * heldOut), shardBytes) : 0,
            minival > 0 ? shards((long) (trainBytes * (1 - heldOut) * minival), shardBytes) : 0,
            heldOut,
            minival);
    List<JavaPairRDD<Placement, CheckedItem>> checked = new ArrayList<>();
    if (parts.train().isPresent()) {
      checked.add(parts.train().get().read(labels, layout, ShardLayout.TRAIN));
    }
    if (parts.validation().isPresent()) {
      checked.add(parts.validation().get().read(labels, layout, ShardLayout.VALIDATION));
    }
    JavaPairRDD<Placement, CheckedItem> shuffled =
        (checked.size() == 1 ? checked.get(0) : checked.get(0).union(checked.get(1)))
            .repartitionAndSortWithinPartitions(new Placement.ByPartition(layout.partitions()));
    Deduplicate policy = data.deduplicate();
    // Images are read from the shuffle once here and once to be written: counting and comparing
    // need no bytes.
    JavaPairRDD<Placement, CheckedItem> described = shuffled.mapValues(new WithoutBytes());
    JavaPairRDD<Placement, RepeatedContents.Original> repeated;
    if (policy == Deduplicate.NONE && earlier.isEmpty()) {
      repeated =
          spark
              .parallelizePairs(List.<Tuple2<Placement, RepeatedContents.Original>>of(), 1)
              .partitionBy(new Placement.ByPartition(layout.partitions()));
    } else {
      described.persist(StorageLevel.DISK_ONLY());
      repeated =
          RepeatedContents.of(
              described, layout, policy, earlier.map(manifest -> claims(manifest, root)));
    }
    List<PartitionSummary> summaries =
        run(
            "Shard: read, decode and shuffle the images of " + train.description(),
            described
                    .zipPartitions(repeated, new DistinctItems(layout))
                    .mapPartitionsWithIndex(new PartitionSummary.Count(), true)
                ::collect);
    described.unpersist();
    Map<String, Map<RejectReason, Long>> refused = refused(summaries);
    requireFewRefused(summaries, refused, earlier.isPresent());
    JavaRDD<CheckedItem> distinct = shuffled.zipPartitions(repeated, new DistinctItems(layout));
    Map<String, ShardSplit> splits = new TreeMap<>();
    splits.put(
        ShardLayout.TRAIN,
        write(folder, distinct, layout, ShardLayout.TRAIN, train, train, labels, summaries));
    if (layout.validationShards() > 0) {
      splits.put(
          ShardLayout.VALIDATION,
          write(
              folder,
              distinct,
              layout,
              ShardLayout.VALIDATION,
              all.validation().orElse(train),
              train,
              labels,
              summaries));
    }
    if (layout.minivalShards() > 0) {
      splits.put(
          ShardLayout.MINIVAL,
          write(folder, distinct, layout, ShardLayout.MINIVAL, train, train, labels, summaries));
    }
    if (!refused.isEmpty()) {
      boolean duplicates =
          refused.values().stream()
              .anyMatch(
                  counts ->
                      counts.containsKey(RejectReason.DUPLICATE_KEY)
                          || counts.containsKey(RejectReason.DUPLICATE_CONTENT));
      JavaRDD<Row> rows =
          rows(
              distinct,
              SelectRows.Table.REJECTS,
              duplicates ? 0 : layout.rejects(),
              layout.partitions());
      write(
          "Shard: write the rejects",
          rows.coalesce(1),
          SelectRows.REJECTS,
          Storage.resolve(folder, "rejects"));
    }
    earlier.ifPresent(
        before ->
            before
                .splits()
                .forEach((name, split) -> splits.merge(name, split, (a, b) -> b.and(a))));
    sources.write(storage, root, version);
    ShardManifest manifest =
        ShardManifest.of(
            version,
            configuration.name(),
            "phiscale " + BuildInfo.current().version(),
            data.seed(),
            digest,
            sources.digest(),
            labels,
            splits);
    manifest.write(storage, root);
    shuffled.rdd().cleanShuffleDependencies(false);
    repeated.rdd().cleanShuffleDependencies(false);
    return manifest;
  }

  /** Keys and digests of all images of a data set, read from these two columns alone. */
  private JavaPairRDD<RepeatedContents.Claim, Boolean> claims(ShardManifest manifest, URI root) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    JavaPairRDD<RepeatedContents.Claim, Boolean> claims =
        spark.parallelizePairs(List.<Tuple2<RepeatedContents.Claim, Boolean>>of(), 1);
    for (Map.Entry<String, ShardSplit> split : manifest.splits().entrySet()) {
      String[] files =
          split.getValue().files().stream()
              .map(file -> Storage.resolve(root, file.path()).toString())
              .toArray(String[]::new);
      if (files.length > 0) {
        claims =
            claims.union(
                run(
                        "Shard: find the columns of the " + split.getKey() + " there is",
                        () -> session.read().parquet(files).select("key", "sha256"))
                    .javaRDD()
                    .mapPartitionsToPair(new RepeatedContents.OfShards(split.getKey())));
      }
    }
    return claims;
  }

  /** Identifies what decides the shards' content: the data section without its place. */
  private String digest() {
    StringBuilder text = new StringBuilder();
    configuration
        .effectiveValues()
        .forEach(
            (key, value) -> {
              // Shards made before there was such a key had no minival either.
              boolean silent =
                  key.equals("data.shards")
                      || key.equals("data.version")
                      || (key.equals("data.source.minival-fraction")
                          && configuration.data().source().minivalFraction() == 0);
              if (key.startsWith("data.") && !silent) {
                text.append(key).append('=').append(value).append('\n');
              }
            });
    return ShardRecord.sha256(text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static int shards(long bytes, long shardBytes) {
    return Math.toIntExact(Math.max(1, (bytes + shardBytes - 1) / shardBytes));
  }

  private static Map<String, Map<RejectReason, Long>> refused(List<PartitionSummary> summaries) {
    Map<String, Map<RejectReason, Long>> total = new TreeMap<>();
    for (PartitionSummary summary : summaries) {
      summary
          .refused()
          .forEach(
              (split, counts) -> {
                Map<RejectReason, Long> sums =
                    total.computeIfAbsent(split, name -> new EnumMap<>(RejectReason.class));
                counts.forEach((reason, count) -> sums.merge(reason, count, Long::sum));
              });
    }
    return total;
  }

  private void requireFewRefused(
      List<PartitionSummary> summaries,
      Map<String, Map<RejectReason, Long>> refused,
      boolean adding) {
    long accepted = summaries.stream().mapToLong(PartitionSummary::accepted).sum();
    long rejected =
        refused.values().stream()
            .flatMap(counts -> counts.entrySet().stream())
            .filter(counted -> counted.getKey() != RejectReason.DUPLICATE_CONTENT)
            .mapToLong(Map.Entry::getValue)
            .sum();
    double fraction = (double) rejected / Math.max(1, accepted + rejected);
    if ((accepted == 0 && !adding) || fraction > configuration.data().maxRejectFraction()) {
      throw new IllegalStateException(
          String.format(
              "%s of %s images were rejected %s, more than data.max-reject-fraction = %s allows;"
                  + " nothing was written",
              rejected, accepted + rejected, refused, configuration.data().maxRejectFraction()));
    }
  }

  private ShardSplit write(
      URI version,
      JavaRDD<CheckedItem> distinct,
      ShardLayout layout,
      String split,
      Input source,
      Input train,
      LabelSpace labels,
      List<PartitionSummary> summaries)
      throws IOException {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    URI root = Storage.uri(configuration.data().shards().toString());
    URI folder = Storage.resolve(version, split);
    int first = layout.firstOf(split);
    boolean soft = source.hasSoftTargets() || train.hasSoftTargets();
    write(
        "Shard: write " + split,
        rows(
            distinct,
            soft ? SelectRows.Table.SOFT_IMAGES : SelectRows.Table.IMAGES,
            first,
            first + layout.shardsOf(split)),
        soft ? SelectRows.SOFT_IMAGES : SelectRows.IMAGES,
        folder);
    List<URI> files =
        storage.listRecursively(folder).stream()
            .map(StoredFile::uri)
            .filter(uri -> uri.getPath().endsWith(".parquet"))
            .toList();
    List<ShardContents> contents =
        run(
            "Shard: describe " + split,
            spark
                    .parallelize(files, Math.max(1, files.size()))
                    .map(new Describe(storage, root))
                    .filter(new HasImages(version.equals(root)))
                ::collect);
    return ShardSplit.of(
        source.description(),
        labels,
        contents,
        refused(summaries).getOrDefault(split, Map.of()),
        statistics(summaries, layout, split));
  }

  /** Added up in the order of the partitions, so always to the same bits. */
  private static ImageStatistics statistics(
      List<PartitionSummary> summaries, ShardLayout layout, String split) {
    StatisticsSum sum = new StatisticsSum();
    int first = layout.firstOf(split);
    summaries.stream()
        .filter(
            summary ->
                summary.partition() >= first
                    && summary.partition() < first + layout.shardsOf(split))
        .sorted(Comparator.comparingInt(PartitionSummary::partition))
        .forEach(summary -> sum.add(summary.statistics()));
    return sum.statistics();
  }

  private static JavaRDD<Row> rows(
      JavaRDD<CheckedItem> distinct, SelectRows.Table table, int from, int to) {
    JavaRDD<Row> all = distinct.mapPartitions(new SelectRows(table));
    return PartitionPruningRDD.create(all.rdd(), new KeepPartitions(from, to)).toJavaRDD();
  }

  private void write(String what, JavaRDD<Row> rows, StructType schema, URI folder) {
    run(
        what,
        () -> {
          session
              .createDataFrame(rows, schema)
              .write()
              .mode(SaveMode.Overwrite)
              .option("compression", "none")
              .option("parquet.enable.dictionary", "false")
              .option("parquet.block.size", configuration.data().rowGroupBytes())
              .option("parquet.page.size.row.check.min", 1)
              // Parquet guesses by the size of the first image when to look at a row group's size
              // again: after a tiny one it would not for thousands.
              .option("parquet.page.size.row.check.max", MOST_ROWS_UNSEEN)
              .parquet(folder.toString());
          return folder;
        });
  }

  /** Runs actions of Spark, with an end to their wait. */
  private <T> T run(String what, Supplier<T> actions) {
    return SparkJobs.run(
        JavaSparkContext.fromSparkContext(session.sparkContext()),
        what,
        configuration.spark().deadline(),
        "spark.deadline",
        actions);
  }

  /** All but the bytes of an image. */
  private static final class WithoutBytes implements Function<CheckedItem, CheckedItem> {
    private static final long serialVersionUID = 1L;

    @Override
    public CheckedItem call(CheckedItem item) {
      return item instanceof CheckedItem.Accepted accepted ? accepted.withoutBytes() : item;
    }
  }

  /** Shards with images; of the first version also a split's only one, which may be empty. */
  private static final class HasImages implements Function<ShardContents, Boolean> {
    private static final long serialVersionUID = 1L;
    private final boolean first;

    HasImages(boolean first) {
      this.first = first;
    }

    @Override
    public Boolean call(ShardContents shard) {
      return first || shard.file().rows() > 0;
    }
  }

  /** Describes one shard. */
  private static final class Describe implements Function<URI, ShardContents> {
    private static final long serialVersionUID = 1L;
    private final Storage storage;
    private final URI root;

    Describe(Storage storage, URI root) {
      this.storage = storage;
      this.root = root;
    }

    @Override
    public ShardContents call(URI file) throws IOException {
      return ShardFiles.describe(storage, root, file);
    }
  }
}
