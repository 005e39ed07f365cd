package io.phiscale.model.layers;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Scratch;

/**
 * What the layers of one replica share: the kernels, the scratch for what lives only within one
 * layer's forward or backward pass, and the seed of the current step.
 *
 * <p>Belongs to one replica and is used by one thread at a time. Owns kernels and scratch: {@link
 * #close} frees both, after which the replica's layers must not be used.
 */
public final class StepContext implements AutoCloseable {

  /**
   * For layers that nobody gave a context, e.g. in a graph that stock DL4J code restored: one per
   * thread, since a replica works in one thread at a time and nothing in scratch outlives a pass.
   */
  private static final ThreadLocal<StepContext> OF_THREAD =
      ThreadLocal.withInitial(() -> new StepContext(Kernels.create(Kernels.ND4J)));

  private final Kernels kernels;
  private final Scratch scratch = new Scratch();
  private StochasticDepth stochasticDepth = StochasticDepth.DROPS;
  private boolean seeded;
  private long stepSeed;

  /**
   * @param kernels owned by this context from now on
   */
  public StepContext(Kernels kernels) {
    this.kernels = kernels;
  }

  /** What stochastic depth does in a training pass. */
  public enum StochasticDepth {
    /** Images skip blocks. */
    DROPS,
    /** Every image passes every block, as in inference. */
    KEEPS
  }

  /** Says what stochastic depth does from now on; at first it drops. */
  public void setStochasticDepth(StochasticDepth newStochasticDepth) {
    stochasticDepth = newStochasticDepth;
  }

  boolean blocksDrop() {
    return stochasticDepth == StochasticDepth.DROPS;
  }

  static StepContext ofThread() {
    return OF_THREAD.get();
  }

  /** The kernels of the replica. */
  public Kernels kernels() {
    return kernels;
  }

  Scratch scratch() {
    return scratch;
  }

  /**
   * Sets what dropout and stochastic depth of the next steps depend on: masks are a pure function
   * of (seed, layer name, position in the batch). To be called before every step; a context that
   * was never given a seed uses DL4J's iteration number.
   */
  public void setStepSeed(long seed) {
    stepSeed = seed;
    seeded = true;
  }

  long stepSeed(int iteration) {
    return seeded ? stepSeed : iteration;
  }

  @Override
  public void close() {
    scratch.close();
    kernels.close();
  }
}
