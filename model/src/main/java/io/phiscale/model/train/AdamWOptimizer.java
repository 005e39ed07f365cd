package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.util.List;

/** {@link OptimizerSpec.AdamW}. */
final class AdamWOptimizer extends ChunkedOptimizer {

  private final OptimizerSpec.AdamW spec;

  AdamWOptimizer(OptimizerSpec.AdamW spec, ParameterLayout layout, WeightDecay weightDecay) {
    super(layout, weightDecay);
    this.spec = spec;
  }

  @Override
  public List<StateSlot> stateSlots() {
    return List.of(new StateSlot("first_moment", 0), new StateSlot("second_moment", 0));
  }

  @Override
  Rule rule(double learningRate, long stepIndex) {
    double firstCorrection = 1 - StrictMath.pow(spec.beta1(), (double) (stepIndex + 1));
    double secondCorrection = 1 - StrictMath.pow(spec.beta2(), (double) (stepIndex + 1));
    float beta1 = (float) spec.beta1();
    float beta2 = (float) spec.beta2();
    float change1 = (float) (1 - spec.beta1());
    float change2 = (float) (1 - spec.beta2());
    float epsilon = (float) spec.epsilon();
    float rate = (float) learningRate;
    float correctedRate = (float) (learningRate / firstCorrection);
    float rootScale = (float) (1 / Math.sqrt(secondCorrection));
    return (parameters, gradients, state, count, decay) -> {
      float[] first = state[0];
      float[] second = state[1];
      float kept = 1 - rate * decay;
      for (int i = 0; i < count; i++) {
        float gradient = gradients[i];
        first[i] = beta1 * first[i] + change1 * gradient;
        second[i] = beta2 * second[i] + change2 * gradient * gradient;
        float root = (float) Math.sqrt(second[i]) * rootScale + epsilon;
        parameters[i] = parameters[i] * kept - correctedRate * first[i] / root;
      }
    };
  }
}
