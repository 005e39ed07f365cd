package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.util.List;

/** {@link OptimizerSpec.RmsPropTf}. */
final class RmsPropTfOptimizer extends ChunkedOptimizer {

  private final OptimizerSpec.RmsPropTf spec;

  RmsPropTfOptimizer(
      OptimizerSpec.RmsPropTf spec, ParameterLayout layout, WeightDecay weightDecay) {
    super(layout, weightDecay);
    this.spec = spec;
  }

  @Override
  public List<StateSlot> stateSlots() {
    StateSlot meanSquare = new StateSlot("mean_square", 1);
    return spec.momentum() == 0
        ? List.of(meanSquare)
        : List.of(meanSquare, new StateSlot("momentum", 0));
  }

  @Override
  Rule rule(double learningRate, long stepIndex) {
    float rate = (float) learningRate;
    float momentum = (float) spec.momentum();
    float change = (float) (1 - spec.decay());
    float epsilon = (float) spec.epsilon();
    if (spec.momentum() == 0) {
      return (parameters, gradients, state, count, decay) -> {
        float[] meanSquare = state[0];
        for (int i = 0; i < count; i++) {
          float gradient = gradients[i] + decay * parameters[i];
          meanSquare[i] += change * (gradient * gradient - meanSquare[i]);
          parameters[i] -= rate * gradient / (float) Math.sqrt(meanSquare[i] + epsilon);
        }
      };
    }
    return (parameters, gradients, state, count, decay) -> {
      float[] meanSquare = state[0];
      float[] buffer = state[1];
      for (int i = 0; i < count; i++) {
        float gradient = gradients[i] + decay * parameters[i];
        meanSquare[i] += change * (gradient * gradient - meanSquare[i]);
        buffer[i] =
            momentum * buffer[i] + rate * gradient / (float) Math.sqrt(meanSquare[i] + epsilon);
        parameters[i] -= buffer[i];
      }
    };
  }
}
