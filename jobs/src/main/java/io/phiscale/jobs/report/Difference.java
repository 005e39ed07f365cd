package io.phiscale.jobs.report;

/**
 * How much better one network is than another one on the same images: the interval covers which
 * images were evaluated, not another training run, and is narrower than two intervals side by side
 * say, since what is hard for one is mostly hard for the other.
 *
 * @param better name and weights of the network with the higher top-1
 * @param other of the other one
 * @param set name of the set of images
 * @param images evaluated by both
 * @param difference of top-1, fraction
 * @param low lower end of its 95% interval by the bootstrap over images
 * @param high upper end
 */
public record Difference(
    String better,
    String other,
    String set,
    long images,
    double difference,
    double low,
    double high) {
  public Difference {
    Checks.text("network name", better);
    Checks.text("network name", other);
    Checks.positive("image count", images);
    if (!(low <= difference && difference <= high)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid interval of the difference: %s..%s (must hold %s)", low, high, difference));
    }
  }

  /** Whether the interval leaves out zero. */
  public boolean isSettled() {
    return low > 0 || high < 0;
  }
}
