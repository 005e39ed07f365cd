package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.io.Serializable;

/**
 * How strongly parameters are pulled towards zero, and which are not. Running statistics never are.
 *
 * <p>For {@link OptimizerSpec.Sgd} and {@link OptimizerSpec.RmsPropTf} the decay is L2 in the loss,
 * value · ½‖v‖², so that value · v is added to the gradient, as in the original; for {@link
 * OptimizerSpec.AdamW} it is decoupled: v shrinks by rate · value · v beside the step. {@link
 * OptimizerSpec.Lars} and {@link OptimizerSpec.Lamb} add value · v before they scale by the layer's
 * norms.
 *
 * @param value ≥ 0; the original uses 1e-5
 * @param exclusion what is not decayed
 */
public record WeightDecay(double value, Exclusion exclusion) implements Serializable {

  /** Which parameters are not decayed. */
  public enum Exclusion {
    /**
     * Batch norm's scale and shift. Biases of squeeze and excitation and of the classifier do
     * decay. Source: tensorflow/tpu {@code models/official/efficientnet/main.py}; NVIDIA
     * DeepLearningExamples does likewise.
     */
    BATCH_NORM,
    /** Batch norm's scale and shift and every bias. Source: timm. */
    ALL_ONE_DIMENSIONAL,
    /** Nothing: every trainable parameter decays. */
    NONE
  }

  /** No decay at all. */
  public static final WeightDecay OFF = new WeightDecay(0, Exclusion.NONE);

  /** The original's: 1e-5, batch norm excluded. */
  public static final WeightDecay ORIGINAL = new WeightDecay(1e-5, Exclusion.BATCH_NORM);

  public WeightDecay {
    OptimizerSpec.checkNotNegative("weight decay", value);
    if (exclusion == null) {
      throw new IllegalArgumentException(
          "Invalid weight-decay exclusion: null (must be BATCH_NORM, ALL_ONE_DIMENSIONAL or NONE)");
    }
  }

  /** The decay of a segment of this kind: {@link #value} or 0. */
  public double of(ParameterLayout.Kind kind) {
    if (kind.runningStatistic()) {
      return 0;
    }
    boolean excluded =
        switch (exclusion) {
          case BATCH_NORM -> kind.batchNormParameter();
          case ALL_ONE_DIMENSIONAL ->
              kind.batchNormParameter() || kind == ParameterLayout.Kind.BIAS;
          case NONE -> false;
        };
    return excluded ? 0 : value;
  }
}
