package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.train.CheckpointScorer;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;

/**
 * Scores checkpoints on the split {@code minival}, which the sharding job holds out of {@code
 * train}, as {@link EvaluateJob} would: same crop, interpolation and precision. The split {@code
 * val} is not opened. Damaged images are left out, as they are in training.
 */
public final class MinivalScoring implements CheckpointScorer {
  private static final String SPLIT = "minival";
  private static final List<Integer> TOP_1 = List.of(1);

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data} and {@code evaluate} sections, and {@code train.deadline}
   */
  public MinivalScoring(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  @Override
  public MinivalScore score(Checkpoint checkpoint) throws IOException, InterruptedException {
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    CheckpointInfo info = checkpoint.info();
    boolean average = checkpoint.movingAverage().length > 0;
    Weights weights = average ? Weights.EMA : Weights.RAW;
    List<Prediction> predictions =
        new SplitScoring(session, configuration, storage, manifest, shards, SPLIT)
            .score(
                String.format(
                    "%s after round %s (%s)",
                    info.identity().name(),
                    info.progress().round(),
                    weights.name().toLowerCase(Locale.ROOT)),
                info.network(),
                average ? checkpoint.movingAverage() : checkpoint.parameters(),
                ClassMatch.same(info.network().classes()),
                DamagePolicy.SKIP,
                configuration.train().deadline(),
                "train.deadline");
    TopKAccuracy counts = TopKAccuracy.of(TOP_1, predictions);
    return MinivalScore.of(info, weights, counts.images(), counts.accuracy(1), counts.loss());
  }
}
