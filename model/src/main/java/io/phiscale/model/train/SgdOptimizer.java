package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.util.List;

/** {@link OptimizerSpec.Sgd}. */
final class SgdOptimizer extends ChunkedOptimizer {

  private final OptimizerSpec.Sgd spec;

  SgdOptimizer(OptimizerSpec.Sgd spec, ParameterLayout layout, WeightDecay weightDecay) {
    super(layout, weightDecay);
    this.spec = spec;
  }

  @Override
  public List<StateSlot> stateSlots() {
    return spec.momentum() == 0 ? List.of() : List.of(new StateSlot("momentum", 0));
  }

  @Override
  Rule rule(double learningRate, long stepIndex) {
    float rate = (float) learningRate;
    float momentum = (float) spec.momentum();
    if (spec.momentum() == 0) {
      return (parameters, gradients, state, count, decay) -> {
        for (int i = 0; i < count; i++) {
          parameters[i] -= rate * (gradients[i] + decay * parameters[i]);
        }
      };
    }
    return switch (spec.variant()) {
      case CLASSICAL ->
          (parameters, gradients, state, count, decay) -> {
            float[] buffer = state[0];
            for (int i = 0; i < count; i++) {
              float gradient = gradients[i] + decay * parameters[i];
              buffer[i] = momentum * buffer[i] + gradient;
              parameters[i] -= rate * buffer[i];
            }
          };
      case NESTEROV ->
          (parameters, gradients, state, count, decay) -> {
            float[] buffer = state[0];
            for (int i = 0; i < count; i++) {
              float gradient = gradients[i] + decay * parameters[i];
              buffer[i] = momentum * buffer[i] + gradient;
              parameters[i] -= rate * (gradient + momentum * buffer[i]);
            }
          };
    };
  }
}
