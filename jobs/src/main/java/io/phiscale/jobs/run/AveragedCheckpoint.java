package io.phiscale.jobs.run;

import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/**
 * One checkpoint whose parameters are the weighted mean of several, in double precision:
 *
 * <pre>
 *   v = Σ wᵢ vᵢ / Σ wᵢ
 * </pre>
 *
 * <p>Running means and variances of batch norm are averaged with all else. Those of the averaged
 * network would be others; the mean is near where the checkpoints are neighbours of one run
 * (Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv
 * 1803.05407, compute them anew by a pass over the images).
 *
 * <p>There is no optimizer state and no moving average in it.
 */
public final class AveragedCheckpoint {

  /** Which parameters of each are averaged. */
  public enum Kind {
    /** The moving average, where there is one. */
    EMA,
    /** The trained parameters. */
    RAW
  }

  private AveragedCheckpoint() {}

  /**
   * Averages; holds one checkpoint and one sum at a time.
   *
   * @param places as {@link CheckpointStore#open} takes them, at least two
   * @param weights one each, &gt; 0
   * @throws IOException if one cannot be read, or is of another network or other classes than the
   *     first
   */
  public static Checkpoint of(Storage storage, List<URI> places, List<Double> weights, Kind kind)
      throws IOException {
    double[] sum = new double[0];
    double total = 0;
    CheckpointInfo first = null;
    CheckpointInfo longest = null;
    List<String> digests = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      Checkpoint checkpoint = CheckpointStore.open(storage, places.get(i));
      CheckpointInfo info = checkpoint.info();
      if (first == null) {
        first = info;
        longest = info;
        sum = new double[checkpoint.parameters().length];
      }
      requireSame(places.get(0), first, places.get(i), info);
      boolean average = kind == Kind.EMA && checkpoint.movingAverage().length > 0;
      float[] values = average ? checkpoint.movingAverage() : checkpoint.parameters();
      double weight = weights.get(i);
      for (int j = 0; j < values.length; j++) {
        sum[j] += weight * values[j];
      }
      total += weight;
      digests.add(weight + " " + info.stateSha256());
      longest = info.progress().images() > longest.progress().images() ? info : longest;
    }
    float[] mean = new float[sum.length];
    for (int j = 0; j < mean.length; j++) {
      mean[j] = (float) (sum[j] / total);
    }
    Origin origin =
        new Origin(
            "mean of " + places.stream().map(URI::toString).collect(Collectors.joining(", ")),
            HexFormat.of()
                .formatHex(
                    StateFile.sha256()
                        .digest(String.join("\n", digests).getBytes(StandardCharsets.UTF_8))),
            Origin.Classifier.LOADED,
            Freeze.NONE,
            FrozenBatchNorm.INFERENCE);
    return new Checkpoint(
        longest.withOrigin(origin), mean, new float[0], new float[0], new float[0]);
  }

  private static void requireSame(
      URI firstPlace, CheckpointInfo first, URI place, CheckpointInfo info) throws IOException {
    String difference =
        !info.network().equals(first.network())
            ? String.format("its network is %s, not %s", info.network(), first.network())
            : !info.classNames().equals(first.classNames()) ? "its classes are others" : "";
    if (!difference.isEmpty()) {
      throw new IOException(
          String.format("Cannot average %s with %s: %s", place, firstPlace, difference));
    }
  }
}
