package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.util.List;

/** {@link OptimizerSpec.Lars}. */
final class LarsOptimizer extends ChunkedOptimizer {

  private final OptimizerSpec.Lars spec;

  LarsOptimizer(OptimizerSpec.Lars spec, ParameterLayout layout, WeightDecay weightDecay) {
    super(layout, weightDecay, Grouping.LAYERS);
    this.spec = spec;
  }

  @Override
  public List<StateSlot> stateSlots() {
    return spec.momentum() == 0 ? List.of() : List.of(new StateSlot("momentum", 0));
  }

  @Override
  Rule rule(double learningRate, long stepIndex) {
    return new Step((float) learningRate);
  }

  private final class Step implements LayerRule {
    private final float rate;
    private final float momentum = (float) spec.momentum();
    private double parameterSquares;
    private double gradientSquares;
    private float trust;

    Step(float rate) {
      this.rate = rate;
    }

    @Override
    public void begin() {
      parameterSquares = 0;
      gradientSquares = 0;
    }

    @Override
    public void measure(
        float[] parameters, float[] gradients, float[][] state, int count, float decay) {
      parameterSquares += SumOfSquares.of(parameters, count);
      gradientSquares += SumOfSquares.of(gradients, count);
    }

    @Override
    public void adapt(float decay) {
      double norm = Math.sqrt(parameterSquares);
      double gradientNorm = Math.sqrt(gradientSquares);
      trust =
          norm > 0 && gradientNorm > 0
              ? (float)
                  (spec.trustCoefficient() * norm / (gradientNorm + decay * norm + spec.epsilon()))
              : 1;
    }

    @Override
    public void leave() {
      trust = 1;
    }

    @Override
    public void apply(
        float[] parameters, float[] gradients, float[][] state, int count, float decay) {
      if (momentum == 0) {
        for (int i = 0; i < count; i++) {
          parameters[i] -= rate * (trust * (gradients[i] + decay * parameters[i]));
        }
        return;
      }
      float[] buffer = state[0];
      switch (spec.variant()) {
        case CLASSICAL -> {
          for (int i = 0; i < count; i++) {
            float gradient = trust * (gradients[i] + decay * parameters[i]);
            buffer[i] = momentum * buffer[i] + gradient;
            parameters[i] -= rate * buffer[i];
          }
        }
        case NESTEROV -> {
          for (int i = 0; i < count; i++) {
            float gradient = trust * (gradients[i] + decay * parameters[i]);
            buffer[i] = momentum * buffer[i] + gradient;
            parameters[i] -= rate * (gradient + momentum * buffer[i]);
          }
        }
      }
    }
  }
}
