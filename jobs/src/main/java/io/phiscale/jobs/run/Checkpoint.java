package io.phiscale.jobs.run;

/**
 * One checkpoint in memory. The arrays are not copied: read-only by convention.
 *
 * <p>A class, not a record, as it holds arrays.
 */
public final class Checkpoint {
  private final CheckpointInfo info;
  private final float[] parameters;
  private final float[] optimizerState;
  private final float[] movingAverage;
  private final float[] outerState;

  /**
   * @param info what it says about itself
   * @param parameters the parameter vector
   * @param optimizerState the optimizer's state, slot after slot
   * @param movingAverage exponential moving average of the parameters, or empty
   * @param outerState the outer optimizer's momentum, or empty
   */
  public Checkpoint(
      CheckpointInfo info,
      float[] parameters,
      float[] optimizerState,
      float[] movingAverage,
      float[] outerState) {
    this.info = info;
    this.parameters = parameters;
    this.optimizerState = optimizerState;
    this.movingAverage = movingAverage;
    this.outerState = outerState;
  }

  /** What it says about itself. */
  public CheckpointInfo info() {
    return info;
  }

  /** What it says about itself with its true lengths, in this version's layout. */
  CheckpointInfo sealedInfo(String stateSha256) {
    return new CheckpointInfo(
        CheckpointInfo.SCHEMA_VERSION,
        info.network(),
        info.identity(),
        info.classNames(),
        info.progress(),
        info.seed(),
        info.manifestDigest(),
        info.configurationDigest(),
        info.origin(),
        parameters.length,
        optimizerState.length,
        movingAverage.length,
        outerState.length,
        stateSha256);
  }

  /** The parameter vector, running statistics included. */
  public float[] parameters() {
    return parameters;
  }

  /** The optimizer's state, slot after slot. */
  public float[] optimizerState() {
    return optimizerState;
  }

  /** The moving average of the parameters; empty where none is kept. */
  public float[] movingAverage() {
    return movingAverage;
  }

  /**
   * The outer optimizer's momentum, as long as what is trained; empty where it has none, and before
   * the first round.
   */
  public float[] outerState() {
    return outerState;
  }
}
