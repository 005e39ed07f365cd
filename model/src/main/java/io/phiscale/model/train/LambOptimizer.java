package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.util.List;

/** {@link OptimizerSpec.Lamb}. */
final class LambOptimizer extends ChunkedOptimizer {

  private final OptimizerSpec.Lamb spec;

  LambOptimizer(OptimizerSpec.Lamb spec, ParameterLayout layout, WeightDecay weightDecay) {
    super(layout, weightDecay, Grouping.LAYERS);
    this.spec = spec;
  }

  @Override
  public List<StateSlot> stateSlots() {
    return List.of(new StateSlot("first_moment", 0), new StateSlot("second_moment", 0));
  }

  @Override
  Rule rule(double learningRate, long stepIndex) {
    return new Step(learningRate, stepIndex);
  }

  /** Measuring moves the moments; u is computed twice rather than kept. */
  private final class Step implements LayerRule {
    private final double rate;
    private final float beta1 = (float) spec.beta1();
    private final float beta2 = (float) spec.beta2();
    private final float change1 = (float) (1 - spec.beta1());
    private final float change2 = (float) (1 - spec.beta2());
    private final float epsilon = (float) spec.epsilon();
    private final float firstScale;
    private final float rootScale;
    private final float[] update = new float[CHUNK];
    private double parameterSquares;
    private double updateSquares;
    private float scaledRate;

    Step(double rate, long stepIndex) {
      this.rate = rate;
      firstScale = (float) (1 / (1 - StrictMath.pow(spec.beta1(), (double) (stepIndex + 1))));
      rootScale =
          (float) (1 / Math.sqrt(1 - StrictMath.pow(spec.beta2(), (double) (stepIndex + 1))));
    }

    @Override
    public void begin() {
      parameterSquares = 0;
      updateSquares = 0;
    }

    @Override
    public void measure(
        float[] parameters, float[] gradients, float[][] state, int count, float decay) {
      float[] first = state[0];
      float[] second = state[1];
      for (int i = 0; i < count; i++) {
        float gradient = gradients[i];
        first[i] = beta1 * first[i] + change1 * gradient;
        second[i] = beta2 * second[i] + change2 * gradient * gradient;
      }
      computeUpdate(parameters, state, count, decay);
      parameterSquares += SumOfSquares.of(parameters, count);
      updateSquares += SumOfSquares.of(update, count);
    }

    @Override
    public void adapt(float decay) {
      scaledRate =
          (float)
              (parameterSquares > 0 && updateSquares > 0
                  ? rate * (Math.sqrt(parameterSquares) / Math.sqrt(updateSquares))
                  : rate);
    }

    @Override
    public void leave() {
      scaledRate = (float) rate;
    }

    @Override
    public void apply(
        float[] parameters, float[] gradients, float[][] state, int count, float decay) {
      computeUpdate(parameters, state, count, decay);
      for (int i = 0; i < count; i++) {
        parameters[i] -= scaledRate * update[i];
      }
    }

    private void computeUpdate(float[] parameters, float[][] state, int count, float decay) {
      float[] first = state[0];
      float[] second = state[1];
      for (int i = 0; i < count; i++) {
        float root = (float) Math.sqrt(second[i]) * rootScale + epsilon;
        update[i] = first[i] * firstScale / root + decay * parameters[i];
      }
    }
  }
}
