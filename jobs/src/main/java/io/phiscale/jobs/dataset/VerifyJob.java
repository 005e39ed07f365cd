package io.phiscale.jobs.dataset;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.ChecksumPolicy;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardContents;
import io.phiscale.pipeline.shard.ShardFile;
import io.phiscale.pipeline.shard.ShardFiles;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.SparkSession;

/**
 * Reads every image of a data set and compares it with its checksum, and every file with what the
 * manifest says of it. One task per file, in parallel over the cluster.
 */
public final class VerifyJob {
  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data} and {@code storage} sections
   */
  public VerifyJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /**
   * What was found.
   *
   * @param files files read
   * @param images images whose checksum is right
   * @param damages what is wrong, in the manifest's order
   */
  public record Result(long files, long images, List<Damage> damages) {
    public Result {
      damages = List.copyOf(damages);
    }
  }

  /**
   * Something that is not as the manifest says.
   *
   * @param file which, relative to the data set
   * @param cause what is wrong
   */
  public record Damage(String file, String cause) implements Serializable {}

  /**
   * Reads everything.
   *
   * @throws IOException if there is no manifest, or it is invalid
   */
  public Result run() throws IOException {
    URI root = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, root, configuration.data().version());
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    long files = 0;
    long images = 0;
    List<Damage> damages = new ArrayList<>();
    for (Map.Entry<String, ShardSplit> split : manifest.splits().entrySet()) {
      List<ShardFile> all = split.getValue().files();
      if (all.isEmpty()) {
        continue;
      }
      List<Checked> checked =
          SparkJobs.run(
              spark,
              "Verify: read and check the images of " + split.getKey(),
              configuration.spark().deadline(),
              "spark.deadline",
              spark.parallelize(all, all.size()).map(new CheckFile(storage, root))::collect);
      files += all.size();
      for (Checked one : checked) {
        images += one.images();
        damages.addAll(one.damages());
      }
    }
    return new Result(files, images, damages);
  }

  /** One file's part of the result. */
  record Checked(long images, List<Damage> damages) implements Serializable {}

  /** Checks one file. */
  private static final class CheckFile implements Function<ShardFile, Checked> {
    private static final long serialVersionUID = 1L;
    private final Storage storage;
    private final URI root;

    CheckFile(Storage storage, URI root) {
      this.storage = storage;
      this.root = root;
    }

    @Override
    public Checked call(ShardFile expected) {
      URI uri = Storage.resolve(root, expected.path());
      ArrayList<Damage> damages = new ArrayList<>();
      long images = 0;
      try {
        ShardContents found = ShardFiles.describe(storage, root, uri);
        if (!found.file().recordsDigest().equals(expected.recordsDigest())) {
          damages.add(
              new Damage(
                  expected.path(),
                  String.format(
                      "other records than when it was written: digest %s (the manifest has %s)",
                      found.file().recordsDigest(), expected.recordsDigest())));
        }
      } catch (IOException e) {
        // It is the result: the job is there to find what cannot be read.
        return new Checked(0, List.of(new Damage(expected.path(), e.getMessage())));
      }
      for (int ordinal = 0; ordinal < expected.rowGroups().size(); ordinal++) {
        ShardFile.RowGroupEntry entry = expected.rowGroups().get(ordinal);
        RowGroup group = new RowGroup(uri, ordinal, entry.rows(), entry.bytes());
        try {
          images += RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY).size();
        } catch (IOException e) {
          damages.add(new Damage(expected.path(), e.getMessage()));
        }
      }
      return new Checked(images, damages);
    }
  }
}
