package io.phiscale.jobs.report;

/**
 * How long a network takes, measured in one process on random pixels.
 *
 * @param singleMillis median time of one image alone
 * @param imagesPerSecond of a batch, by its median time
 * @param batchSize of that batch
 * @param threads of a forward pass
 * @param nativeMebibytes native memory that the network alone takes for that batch: parameters,
 *     images, feature maps and the kernels' scratch, counted ({@link
 *     io.phiscale.model.train.Predictor#heldBytes}); not Java's heap, nor the libraries' code; NaN
 *     where it was not counted
 * @param costPerMillion of a million images at that rate; NaN where no price is known
 */
public record Latency(
    double singleMillis,
    double imagesPerSecond,
    int batchSize,
    int threads,
    double nativeMebibytes,
    double costPerMillion) {
  public Latency {
    Checks.positive("time of one image", singleMillis);
    Checks.positive("images per second", imagesPerSecond);
    Checks.positive("batch size", batchSize);
    Checks.positive("number of threads", threads);
  }

  /**
   * What a million images cost.
   *
   * @param pricePerHour of the machine; 0: unknown
   */
  public static double costPerMillion(double pricePerHour, double imagesPerSecond) {
    return pricePerHour == 0 ? Double.NaN : pricePerHour * 1e6 / 3600 / imagesPerSecond;
  }
}
