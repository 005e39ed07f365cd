package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.io.Serializable;

/**
 * Which optimizer, with which constants. The learning rate is not one of them: schedules give it.
 */
public sealed interface OptimizerSpec extends Serializable {

  /**
   * The optimizer for a network's parameters. It holds no state of its own: one may step several
   * replicas.
   */
  Optimizer create(ParameterLayout layout, WeightDecay weightDecay);

  /**
   * Stochastic gradient descent.
   *
   * <pre>
   *   g ← g + decay · v
   *   m ← momentum · m + g
   *   v ← v − rate · m                      CLASSICAL
   *   v ← v − rate · (g + momentum · m)     NESTEROV
   * </pre>
   *
   * <p>The rate stays outside the momentum buffer, as in TensorFlow's {@code MomentumOptimizer} and
   * PyTorch (DL4J's {@code Nesterovs} keeps it inside). With momentum 0 there is no state.
   *
   * @param momentum in [0, 1)
   * @param variant where the gradient is thought to be taken
   */
  record Sgd(double momentum, Variant variant) implements OptimizerSpec {

    /** Form of the momentum. */
    public enum Variant {
      CLASSICAL,
      NESTEROV
    }

    public Sgd {
      checkBelowOne("momentum", momentum);
      if (variant == null) {
        throw new IllegalArgumentException(
            "Invalid momentum variant: null (must be CLASSICAL or NESTEROV)");
      }
    }

    @Override
    public Optimizer create(ParameterLayout layout, WeightDecay weightDecay) {
      return new SgdOptimizer(this, layout, weightDecay);
    }
  }

  /**
   * RMSProp as TensorFlow computes it, which the published accuracies rest on.
   *
   * <pre>
   *   g ← g + decay · v
   *   s ← s + (1 − rho) · (g² − s)              s starts at 1
   *   m ← momentum · m + rate · g / √(s + epsilon)
   *   v ← v − m
   * </pre>
   *
   * <p>It differs from PyTorch's RMSprop in three points: epsilon is inside the root, s starts at 1
   * instead of 0, and the rate is multiplied into the momentum buffer. Source: tensorflow/tpu
   * {@code models/official/efficientnet/utils.py}; the points as listed in timm {@code
   * optim/rmsprop_tf.py}.
   *
   * @param decay rho: the part of the mean square that a step keeps, in [0, 1)
   * @param momentum in [0, 1)
   * @param epsilon > 0
   */
  record RmsPropTf(double decay, double momentum, double epsilon) implements OptimizerSpec {

    /** The original's constants: 0.9, 0.9, 0.001. */
    public static final RmsPropTf ORIGINAL = new RmsPropTf(0.9, 0.9, 0.001);

    public RmsPropTf {
      checkBelowOne("mean-square decay", decay);
      checkBelowOne("momentum", momentum);
      checkPositive("epsilon", epsilon);
    }

    @Override
    public Optimizer create(ParameterLayout layout, WeightDecay weightDecay) {
      return new RmsPropTfOptimizer(this, layout, weightDecay);
    }
  }

  /**
   * Adam with decoupled weight decay, with both moments corrected for their start at 0.
   *
   * <pre>
   *   v ← v − rate · decay · v
   *   m ← beta1 · m + (1 − beta1) · g
   *   s ← beta2 · s + (1 − beta2) · g²
   *   v ← v − rate · (m / (1 − beta1^t)) / (√(s / (1 − beta2^t)) + epsilon),   t = step index + 1
   * </pre>
   *
   * <p>Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv 1711.05101;
   * the order of operations is PyTorch's {@code AdamW}.
   *
   * @param beta1 in [0, 1)
   * @param beta2 in [0, 1)
   * @param epsilon > 0
   */
  record AdamW(double beta1, double beta2, double epsilon) implements OptimizerSpec {

    /** The usual constants: 0.9, 0.999, 1e-8. */
    public static final AdamW DEFAULT = new AdamW(0.9, 0.999, 1e-8);

    public AdamW {
      checkBelowOne("beta1", beta1);
      checkBelowOne("beta2", beta2);
      checkPositive("epsilon", epsilon);
    }

    @Override
    public Optimizer create(ParameterLayout layout, WeightDecay weightDecay) {
      return new AdamWOptimizer(this, layout, weightDecay);
    }
  }

  /**
   * LARS: SGD whose rate is scaled per layer, so that no layer moves by more than a share of its
   * own norm. For large batches.
   *
   * <pre>
   *   t = trust · ‖v‖ / (‖g‖ + decay · ‖v‖ + epsilon),   1 where ‖v‖ or ‖g‖ is 0
   *   g ← t · (g + decay · v)
   *   m ← momentum · m + g
   *   v ← v − rate · m                      CLASSICAL
   *   v ← v − rate · (g + momentum · m)     NESTEROV
   * </pre>
   *
   * <p>Norms are of one layer's weight tensor. Biases, and scale and shift of batch norm, have t =
   * 1: they are stepped as {@link Sgd} does (the skip list of tensorflow/tpu's {@code
   * LARSOptimizer}); whether they decay says {@link WeightDecay}, which its list rules out as well:
   * {@link WeightDecay.Exclusion#ALL_ONE_DIMENSIONAL}.
   *
   * <p>Source: You et al., arXiv 1708.03888, algorithm 1; the form is timm's {@code Lars}. Like it,
   * and unlike the paper, the rate stays outside the momentum buffer.
   *
   * @param momentum in [0, 1)
   * @param variant form of the momentum
   * @param trustCoefficient &gt; 0: share of a layer's norm that a step at rate 1 may move it by
   * @param epsilon &gt; 0
   */
  record Lars(double momentum, Sgd.Variant variant, double trustCoefficient, double epsilon)
      implements OptimizerSpec {

    /** Momentum 0.9 and the constants of the paper and of timm: 0.001, 1e-8. */
    public static final Lars DEFAULT = new Lars(0.9, Sgd.Variant.CLASSICAL, 0.001, 1e-8);

    public Lars {
      checkBelowOne("momentum", momentum);
      if (variant == null) {
        throw new IllegalArgumentException(
            "Invalid momentum variant: null (must be CLASSICAL or NESTEROV)");
      }
      checkPositive("trust coefficient", trustCoefficient);
      checkPositive("epsilon", epsilon);
    }

    @Override
    public Optimizer create(ParameterLayout layout, WeightDecay weightDecay) {
      return new LarsOptimizer(this, layout, weightDecay);
    }
  }

  /**
   * LAMB: Adam whose rate is scaled per layer. For large batches.
   *
   * <pre>
   *   m ← beta1 · m + (1 − beta1) · g
   *   s ← beta2 · s + (1 − beta2) · g²
   *   u = (m / (1 − beta1^t)) / (√(s / (1 − beta2^t)) + epsilon) + decay · v,   t = step index + 1
   *   r = ‖v‖ / ‖u‖,   1 where either is 0
   *   v ← v − rate · r · u
   * </pre>
   *
   * <p>Norms are of one layer's weight tensor. Biases, and scale and shift of batch norm, have r =
   * 1; whether they decay says {@link WeightDecay}, which the reference rules out as well: {@link
   * WeightDecay.Exclusion#ALL_ONE_DIMENSIONAL}. The reference also clips the gradients' global norm
   * to 1 before: {@link GradientClipping}.
   *
   * <p>Source: You et al., arXiv 1904.00962, algorithm 2; the form is timm's {@code Lamb}.
   *
   * @param beta1 in [0, 1)
   * @param beta2 in [0, 1)
   * @param epsilon &gt; 0
   */
  record Lamb(double beta1, double beta2, double epsilon) implements OptimizerSpec {

    /** The paper's and timm's constants: 0.9, 0.999, 1e-6. */
    public static final Lamb DEFAULT = new Lamb(0.9, 0.999, 1e-6);

    public Lamb {
      checkBelowOne("beta1", beta1);
      checkBelowOne("beta2", beta2);
      checkPositive("epsilon", epsilon);
    }

    @Override
    public Optimizer create(ParameterLayout layout, WeightDecay weightDecay) {
      return new LambOptimizer(this, layout, weightDecay);
    }
  }

  private static void checkBelowOne(String name, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be in [0, 1))", name, value));
    }
  }

  private static void checkPositive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0 and finite)", name, value));
    }
  }

  static void checkNotNegative(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be >= 0 and finite)", name, value));
    }
  }
}
