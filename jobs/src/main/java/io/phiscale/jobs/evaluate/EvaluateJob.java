package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.Progress;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;

/**
 * Evaluates a checkpoint on a split of the shards: every image once, in as many tasks as the
 * cluster runs at a time.
 */
public final class EvaluateJob {
  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data}, {@code evaluate} and {@code train.kernels} values
   */
  public EvaluateJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = Storage.of(configuration.storage().hadoopProperties());
  }

  /**
   * One row for each kind of weights asked for.
   *
   * @throws ConfigurationException if the checkpoint, the shards and the configuration do not fit
   * @throws IOException if one of them cannot be read
   */
  public List<NetworkResult> run() throws IOException, InterruptedException {
    EvaluateSection evaluate = configuration.evaluate();
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    URI location = Storage.uri(evaluate.checkpoint().toString());
    Checkpoint checkpoint = CheckpointStore.open(storage, location);
    requireFit(checkpoint.info(), manifest, evaluate);
    List<NetworkResult> results = new ArrayList<>();
    boolean hasAverage = checkpoint.movingAverage().length > 0;
    if (evaluate.weights() != EvaluateSection.Weights.RAW && hasAverage) {
      results.add(
          score(checkpoint.info(), checkpoint.movingAverage(), Weights.EMA, manifest, shards));
    }
    if (evaluate.weights() != EvaluateSection.Weights.EMA || !hasAverage) {
      results.add(score(checkpoint.info(), checkpoint.parameters(), Weights.RAW, manifest, shards));
    }
    return results;
  }

  private static void requireFit(
      CheckpointInfo info, ShardManifest manifest, EvaluateSection evaluate) {
    if (!info.classNames().equals(manifest.labels().names())) {
      throw new ConfigurationException(
          String.format(
              "The checkpoint %s was trained on %s classes (%s, ...), the data set %s has %s (%s,"
                  + " ...): evaluate on the data set it was trained on",
              evaluate.checkpoint(),
              info.classNames().size(),
              info.classNames().get(0),
              manifest.name(),
              manifest.labels().size(),
              manifest.labels().name(0)));
    }
    int classes = info.network().classes();
    for (int k : evaluate.topK()) {
      if (k > classes) {
        throw new ConfigurationException(
            String.format(
                "Invalid evaluate.top-k: %s (the network has %s classes)",
                evaluate.topK(), classes));
      }
    }
    if (manifest.split(evaluate.split()).images() == 0) {
      throw new ConfigurationException(
          String.format(
              "Nothing to evaluate: split %s of data set %s has no images",
              evaluate.split(), manifest.name()));
    }
  }

  private NetworkResult score(
      CheckpointInfo info, float[] parameters, Weights weights, ShardManifest manifest, URI shards)
      throws InterruptedException {
    EvaluateSection evaluate = configuration.evaluate();
    NetworkSpec network = info.network();
    long began = System.nanoTime();
    TopKAccuracy counts =
        new SplitScoring(session, configuration, storage, manifest, shards, evaluate.split())
            .count(
                String.format(
                    "%s (%s)", info.identity().name(), weights.name().toLowerCase(Locale.ROOT)),
                network,
                parameters,
                evaluate.topK(),
                configuration.spark().deadline(),
                "spark.deadline");
    Duration time = Duration.ofNanos(System.nanoTime() - began);
    Progress progress = info.progress();
    long trainImages = manifest.split("train").images();
    NetworkCounts size = NetworkCounts.of(network);
    return new NetworkResult(
        info.identity().name(),
        new NetworkResult.Scaling(
            info.identity().phi(),
            info.identity().phiKind(),
            info.identity().width(),
            info.identity().depth(),
            network.resolutionPx()),
        size.parameters(),
        size.multiplyAdds(),
        weights,
        new NetworkResult.Score(
            counts.images(),
            network.classes(),
            counts.accuracy(1),
            counts.accuracy(Math.min(5, network.classes())),
            counts.loss(),
            evaluate.cropFraction(),
            evaluate.interpolation().name().toLowerCase(Locale.ROOT),
            time),
        new NetworkResult.Training(
            progress.images(),
            progress.epoch() + (double) progress.position() / trainImages,
            info.seed(),
            Duration.ofMillis(progress.trainMillis()),
            progress.trainMillis() == 0
                ? Double.NaN
                : progress.images() * 1e3 / progress.trainMillis()),
        evaluate.checkpoint());
  }
}
