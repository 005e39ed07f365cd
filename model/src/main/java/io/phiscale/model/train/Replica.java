package io.phiscale.model.train;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.layers.StepContext;
import io.phiscale.model.network.EfficientNets;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One trainable copy of a network: parameters, gradients, optimizer state and the scratch of its
 * kernels. A training step is one call.
 *
 * <p>Between steps a replica is its two vectors, the parameters (running statistics included) and
 * the optimizer's state (its slots laid end to end, each as long as the {@link TrainedPart}):
 * {@link #load} and {@link #store} move them, and nothing else is remembered. So what a step
 * computes is a function of those vectors and its arguments, bit for bit, on a given machine and
 * number of threads. Frozen parameters are read and never written.
 *
 * <p>Used by one thread at a time. Owns native memory: close it.
 */
public final class Replica implements AutoCloseable {
  private final ReplicaSpec spec;
  private final StepContext context;
  private final TrainedPart part;
  private final TrainedPart runningStatistics;
  private final TrainedNetwork network;
  private final Optimizer optimizer;
  private final List<FloatBuffer> state = new ArrayList<>();
  private final float[] clippingChunk = new float[ChunkedOptimizer.CHUNK];
  private final Map<Phase, Long> phaseNanos = new EnumMap<>(Phase.class);
  private INDArray features;
  private INDArray labels;

  /** What a step consists of. */
  public enum Phase {
    /** Copying images and labels in. */
    INPUT("images and labels"),
    /** Forward, loss, backward. */
    NETWORK("network"),
    /** Update of the parameters. */
    OPTIMIZER("optimizer");

    private final String words;

    Phase(String words) {
      this.words = words;
    }

    /** As in tables. */
    public String words() {
      return words;
    }
  }

  /** Builds the network. Its parameters are those of seed 0 until some are loaded. */
  public Replica(ReplicaSpec spec) {
    this(spec, Kernels.create(spec.kernels(), spec.threads(), spec.precision()));
  }

  /**
   * As {@link #Replica(ReplicaSpec)}, by given kernels.
   *
   * @param kernels closed with the replica
   */
  public Replica(ReplicaSpec spec, Kernels kernels) {
    this.spec = spec;
    Backend.useThreads(spec.threads());
    context = new StepContext(kernels);
    for (Phase phase : Phase.values()) {
      phaseNanos.put(phase, 0L);
    }
    part = spec.trainedPart();
    runningStatistics = spec.runningStatistics();
    network = TrainedNetwork.of(spec, context);
    optimizer = spec.optimizer().create(part.layout(), spec.weightDecay());
    for (int i = 0; i < optimizer.stateSlots().size(); i++) {
      state.add(
          ByteBuffer.allocateDirect(part.length() * Float.BYTES)
              .order(ByteOrder.nativeOrder())
              .asFloatBuffer());
    }
    optimizer.initialise(state);
  }

  /** What it was made from. */
  public ReplicaSpec spec() {
    return spec;
  }

  /** What of its parameters changes. */
  public TrainedPart trainedPart() {
    return part;
  }

  /** The paper's initial values: they depend on the network and the seed alone. */
  public float[] initialParameters(long seed) {
    return EfficientNets.initialParameters(spec.network(), seed);
  }

  /** The optimizer's state before the first step, slot after slot. */
  public float[] initialOptimizerState() {
    float[] values = new float[state.size() * part.length()];
    List<Optimizer.StateSlot> slots = optimizer.stateSlots();
    for (int slot = 0; slot < slots.size(); slot++) {
      Arrays.fill(
          values, slot * part.length(), (slot + 1) * part.length(), slots.get(slot).initialValue());
    }
    return values;
  }

  /**
   * Takes over parameters and optimizer state.
   *
   * @param newParameters all of them, frozen ones included
   * @throws IllegalArgumentException if a length is not this network's
   */
  public void load(float[] newParameters, float[] newState) {
    requireLengths(newParameters, part.wholeLength(), newState);
    network.load(newParameters);
    for (int slot = 0; slot < state.size(); slot++) {
      state.get(slot).put(0, newState, slot * part.length(), part.length());
    }
  }

  /**
   * Copies the trained parameters and the optimizer's state out.
   *
   * @param parametersOut as long as {@link #trainedPart}: all parameters where nothing is frozen
   * @throws IllegalArgumentException if a length is not this network's
   */
  public void store(float[] parametersOut, float[] stateOut) {
    requireLengths(parametersOut, part.length(), stateOut);
    network.parameters().get(0, parametersOut);
    for (int slot = 0; slot < state.size(); slot++) {
      state.get(slot).get(0, stateOut, slot * part.length(), part.length());
    }
  }

  /**
   * Means and variances (biased) by which each batch norm normalises a batch, no block dropped:
   * what inference would see if this batch were all there is. They do not depend on running
   * statistics.
   *
   * @param parameters all of them; they replace what was loaded, so that {@link #load} must come
   *     before the next step
   * @param images (N, H, W, C) float32, normalised, from its position to its limit
   * @param count N
   * @param out written: as long as {@link ReplicaSpec#runningStatistics}, in its order
   * @throws IllegalStateException if this replica normalises by running statistics
   */
  public void batchStatistics(float[] parameters, FloatBuffer images, int count, float[] out) {
    if (parameters.length != part.wholeLength() || out.length != runningStatistics.length()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid vectors for %s: %s parameters and %s running statistics (must be %s and %s)",
              spec.network().name(),
              parameters.length,
              out.length,
              part.wholeLength(),
              runningStatistics.length()));
    }
    Backend.useThreads(spec.threads());
    network.load(parameters);
    context.setStochasticDepth(StepContext.StochasticDepth.KEEPS);
    try {
      network.batchStatistics(features(images, count), runningStatistics, out);
    } finally {
      context.setStochasticDepth(StepContext.StochasticDepth.DROPS);
    }
  }

  private void requireLengths(float[] someParameters, int expected, float[] someState) {
    int expectedState = part.length() * state.size();
    if (someParameters.length != expected || someState.length != expectedState) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid vectors for %s: %s parameters and %s values of optimizer state (must be %s and"
                  + " %s)",
              spec.network().name(),
              someParameters.length,
              someState.length,
              expected,
              expectedState));
    }
  }

  /**
   * One training step: forward, backward, clipping, update of what is trained.
   *
   * @param images (N, H, W, C) float32, normalised, from its position to its limit
   * @param classes right class of each image; its length is N
   * @param learningRate of this step
   * @param stepIndex steps done before, for bias corrections
   * @param stepSeed decides dropout and stochastic depth
   * @return the mean loss over the batch, label smoothing included, nats; where it is NaN or
   *     infinite the parameters are not updated. NaN where gradients are clipped and their norm is
   *     not finite: nothing is updated then either
   */
  public double step(
      FloatBuffer images, int[] classes, double learningRate, long stepIndex, long stepSeed) {
    return step(images, Labels.of(classes), learningRate, stepIndex, stepSeed);
  }

  /**
   * As {@link #step(FloatBuffer, int[], double, long, long)}, with labels that may be mixed: the
   * loss is the cross entropy with their targets, smoothed.
   *
   * @param images (N, H, W, C) float32, normalised, from its position to its limit
   * @param right labels of the N images
   * @param learningRate of this step
   * @param stepIndex steps done before, for bias corrections
   * @param stepSeed decides dropout and stochastic depth
   * @return the mean loss over the batch, nats; where it is NaN or infinite the parameters are not
   *     updated
   */
  public double step(
      FloatBuffer images, Labels right, double learningRate, long stepIndex, long stepSeed) {
    long start = System.nanoTime();
    Backend.useThreads(spec.threads());
    context.setStepSeed(stepSeed);
    INDArray batch = features(images, right.count());
    INDArray targets = targets(right);
    start = spent(Phase.INPUT, start);
    double loss = network.computeGradients(batch, targets);
    start = spent(Phase.NETWORK, start);
    if (Double.isFinite(loss)) {
      FloatBuffer gradients = network.gradients();
      if (clipped(gradients)) {
        optimizer.step(network.parameters(), gradients, state, learningRate, stepIndex);
        network.changed();
      } else {
        loss = Double.NaN;
      }
    }
    spent(Phase.OPTIMIZER, start);
    return loss;
  }

  /** Clips the gradients; false where their norm is not finite. */
  private boolean clipped(FloatBuffer gradients) {
    GradientClipping clipping = spec.gradientClipping();
    return clipping.isOff()
        || Double.isFinite(clipping.clip(gradients, part.layout(), clippingChunk));
  }

  /** Images of the last step's batch whose own class scored highest, before the update. */
  public int correct() {
    return network.correct();
  }

  private long spent(Phase phase, long since) {
    long now = System.nanoTime();
    phaseNanos.merge(phase, now - since, Long::sum);
    return now;
  }

  /** Nanoseconds of all steps so far. */
  public Map<Phase, Long> phaseNanos() {
    return Map.copyOf(phaseNanos);
  }

  private INDArray features(FloatBuffer images, int count) {
    features = Backend.images(features, images, count, spec.network());
    return features;
  }

  private INDArray targets(Labels right) {
    int width = spec.network().classes();
    if (labels == null || labels.size(0) != right.count()) {
      Backend.close(labels);
      labels = Nd4j.createUninitialized(DataType.FLOAT, right.count(), width);
    }
    FloatBuffer targets = Backend.view(labels);
    float[] row = new float[width];
    for (int i = 0; i < right.count(); i++) {
      right.writeTo(i, row);
      targets.put(i * width, row);
    }
    Backend.changedOnHost(labels);
    return labels;
  }

  @Override
  public void close() {
    Backend.close(features);
    Backend.close(labels);
    network.close();
    context.close();
  }
}
