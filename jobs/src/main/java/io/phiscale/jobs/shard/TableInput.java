package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.source.ClassList;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;

/**
 * Weakly labelled images: rows of a table with locations, each of which is read by itself. The rows
 * stay in Spark, on the executors' disks; what the driver holds is the list of classes.
 *
 * <p>Rows whose labels all fall below the confidence or out of the table of tags are no part of the
 * collection, and no rejects.
 */
final class TableInput implements Input {
  private static final int SAMPLED = 32;
  private static final long TASK_BYTES = 64L << 20;

  private final SparkSession session;
  private final Storage storage;
  private final ImageTable table;
  private final DataSection data;
  private final TagClasses tags;
  private final Duration deadline;
  private Dataset<Row> rows;
  private long bytes = -1;

  /**
   * @param deadline longest time in which no task of a job ends
   */
  TableInput(
      SparkSession session, Storage storage, ImageTable table, DataSection data, Duration deadline)
      throws IOException {
    this.session = session;
    this.storage = storage;
    this.table = table;
    this.data = data;
    this.deadline = deadline;
    this.tags =
        TagClasses.read(
            storage, data.source().weakLabels().tags(), data.source().weakLabels().minConfidence());
  }

  /** Not before they are wanted: the schema of JSON lines is found by reading them. */
  private Dataset<Row> rows() throws IOException {
    if (rows == null) {
      rows = opened().persist(StorageLevel.DISK_ONLY());
    }
    return rows;
  }

  /** Spark looks into files to find their columns. */
  private Dataset<Row> opened() throws IOException {
    try {
      return run(
          "Shard: find the columns of " + description(),
          () -> {
            try {
              return table.rows(session);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private <T> T run(String what, Supplier<T> actions) {
    return SparkJobs.run(
        JavaSparkContext.fromSparkContext(session.sparkContext()),
        what,
        deadline,
        "spark.deadline",
        actions);
  }

  @Override
  public String description() {
    return table.description();
  }

  @Override
  public LabelSpace labels() throws IOException {
    URI list = data.source().reading().classes();
    if (!list.toString().isEmpty()) {
      return ClassList.read(storage, Storage.uri(list.toString()));
    }
    if (tags.isTable()) {
      return tags.labels();
    }
    List<String> names =
        run(
            "Shard: find the classes of " + description(),
            rows().javaRDD().flatMap(new ClassNames(tags)).distinct()::collect);
    if (names.isEmpty()) {
      throw new IOException("No labelled images in " + description());
    }
    return LabelSpace.sorted(new TreeSet<>(names));
  }

  /** The number of rows, times the mean length of some of the images. */
  @Override
  public long bytes() throws IOException {
    if (bytes < 0) {
      Dataset<Row> located = rows().filter("uri is not null");
      long images = run("Shard: count the images of " + description(), located::count);
      List<Row> sample =
          run(
              "Shard: sample the images of " + description(),
              located
                      .select("uri")
                      .orderBy(functions.xxhash64(functions.col("uri")), functions.col("uri"))
                      .limit(SAMPLED)
                  ::collectAsList);
      long sum = 0;
      int found = 0;
      for (Row row : sample) {
        URI image = Storage.uri(row.getString(0));
        // What is missing is rejected where it is read.
        if (storage.exists(image)) {
          sum += storage.length(image);
          found++;
        }
      }
      if (found == 0) {
        throw new IOException(
            String.format(
                "Cannot read the images of %s: of %s rows, none of %s looked up exists, such as %s",
                description(),
                images,
                sample.size(),
                sample.isEmpty() ? "(no rows)" : sample.get(0).getString(0)));
      }
      bytes = images * (sum / found);
    }
    return bytes;
  }

  @Override
  public boolean hasSoftTargets() {
    return true;
  }

  @Override
  public SortedMap<String, SourceFiles.State> files(String split) throws IOException {
    SortedMap<String, SourceFiles.State> files = new TreeMap<>();
    for (StoredFile file : table.files(storage)) {
      files.put(
          SourceFiles.name(split, file.uri()),
          new SourceFiles.State(file.bytes(), file.modifiedMillis()));
    }
    return files;
  }

  @Override
  public Input only(String split, Set<String> names) throws IOException {
    List<URI> files =
        table.files(storage).stream()
            .map(StoredFile::uri)
            .filter(file -> names.contains(SourceFiles.name(split, file)))
            .toList();
    return new TableInput(session, storage, table.only(files), data, deadline);
  }

  @Override
  public JavaPairRDD<Placement, CheckedItem> read(
      LabelSpace labels, ShardLayout layout, String split) throws IOException {
    int tasks = (int) Math.max(1, Math.min(1 << 20, bytes() / TASK_BYTES));
    return rows()
        .repartition(tasks, functions.col("key"))
        .javaRDD()
        .mapPartitionsToPair(new FetchImages(storage, tags, labels, layout, split, data));
  }

  /** The classes of a row. */
  private static final class ClassNames implements FlatMapFunction<Row, String> {
    private static final long serialVersionUID = 1L;
    private final TagClasses tags;

    ClassNames(TagClasses tags) {
      this.tags = tags;
    }

    @Override
    public Iterator<String> call(Row row) {
      return tags.of(row.getList(2), row.getList(3)).keySet().iterator();
    }
  }
}
