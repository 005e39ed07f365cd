package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.time.Duration;

/**
 * How a network is trained.
 *
 * @param output run directory: checkpoints, metrics, provenance
 * @param epochs passes over the training images, &gt; 0
 * @param batchSize images per local step of one worker, &gt; 0
 * @param workers replicas that are averaged, &gt; 0
 * @param seed decides initial weights, order and augmentation
 * @param initialWeights where the first parameters are read; an empty URI: drawn by the seed
 * @param initialClassifier whether the classifier is read too
 * @param freeze what is not trained
 * @param frozenBatchNorm what batch norm does there
 * @param kernels which implementation computes the layers
 * @param precision number format of what is largest in a training step
 * @param averaging what a round is
 * @param optimizer the local optimizer
 * @param learningRate its schedule
 * @param weightDecay L2 in the loss, ½·decay·‖v‖², &gt;= 0
 * @param weightDecayExclusion which parameters it leaves alone
 * @param labelSmoothing share of the target spread evenly over the classes, [0, 1)
 * @param emaDecay decay of the exponential moving average of the weights, [0, 1); 0: none is kept
 * @param augment random crops and flips
 * @param loader decoding in the background
 * @param checkpoint how often, and how many are kept
 * @param deadline longest wait for one round
 * @param resume what to do with an output that holds a checkpoint
 */
public record TrainSection(
    URI output,
    int epochs,
    int batchSize,
    int workers,
    long seed,
    URI initialWeights,
    InitialClassifier initialClassifier,
    Freeze freeze,
    FrozenBatchNorm frozenBatchNorm,
    KernelsChoice kernels,
    Precision precision,
    Averaging averaging,
    Optimizer optimizer,
    LearningRate learningRate,
    double weightDecay,
    WeightDecayExclusion weightDecayExclusion,
    double labelSmoothing,
    double emaDecay,
    Augment augment,
    Loader loader,
    Checkpoint checkpoint,
    Duration deadline,
    Resume resume)
    implements Serializable {

  public TrainSection {
    new SectionRules("train")
        .positive("epochs", epochs)
        .positive("batch-size", batchSize)
        .positive("workers", workers)
        .notNegative("weight-decay", weightDecay)
        .fractionBelowOne("label-smoothing", labelSmoothing)
        .fractionBelowOne("ema-decay", emaDecay)
        .require(!deadline.isNegative() && !deadline.isZero(), "deadline", deadline, "> 0")
        .require(
            learningRate.warmupEpochs() <= epochs,
            "learning-rate.warmup-epochs",
            learningRate.warmupEpochs(),
            "<= train.epochs = " + epochs)
        .require(
            freeze == Freeze.NONE || !initialWeights.toString().isEmpty(),
            "freeze",
            "features",
            "none where train.initial-weights does not say what the features are")
        .require(
            precision == Precision.FP32 || kernels != KernelsChoice.ND4J,
            "precision",
            "bf16",
            "fp32 where train.kernels = nd4j")
        .verify();
  }

  /** Whether the first parameters are read rather than drawn. */
  public boolean hasInitialWeights() {
    return !initialWeights.toString().isEmpty();
  }

  /** Images per step over all workers: what the learning rate is scaled by. */
  public int globalBatchSize() {
    return Math.multiplyExact(batchSize, workers);
  }

  /** Whether the classifier of {@code initialWeights} is read too. */
  public enum InitialClassifier {
    /** Where it has as many classes as this run. */
    AUTO,
    /** Not at all: drawn by the seed. */
    NEW
  }

  /** What is not trained. */
  public enum Freeze {
    /** Everything is trained. */
    NONE,
    /** Everything but the classifier. */
    FEATURES
  }

  /** What batch norm of frozen features does. */
  public enum FrozenBatchNorm {
    /** Normalises by running statistics, which stay. */
    INFERENCE,
    /** Normalises by the batch's, which the running statistics follow. */
    TRAINING
  }

  /** Which implementation computes the layers. */
  public enum KernelsChoice {
    /** The fastest that this machine has. */
    AUTO,
    /** ND4J's own operations, on any ND4J back end. */
    ND4J,
    /** oneDNN on the CPU. */
    ONEDNN
  }

  /** Number format of what is largest in a training step. */
  public enum Precision {
    /** 32-bit floating point everywhere. */
    FP32,
    /** bfloat16 for expanded feature maps and their gradients, fp32 for all else. */
    BF16
  }

  /** Which parameters weight decay leaves alone. */
  public enum WeightDecayExclusion {
    /** Scale and shift of batch normalisation (tpu, NVIDIA). Biases are decayed. */
    BATCH_NORM,
    /** Every one-dimensional parameter, biases too (timm). */
    ONE_DIMENSIONAL,
    /** None. */
    NONE
  }

  /** What to do with an output that holds a checkpoint. */
  public enum Resume {
    /** Continue it. */
    AUTO,
    /** Refuse to start. */
    NEVER
  }

  /**
   * What a round of averaging is.
   *
   * @param localSteps optimizer steps H of each worker between two averages, &gt; 0
   * @param schedule whether H stays
   * @param synchronousEpochs epochs with H = 1 before that (post-local), &gt;= 0
   * @param qsrAlpha of the quadratic rule: the learning rate below which H grows, &gt; 0
   * @param maxLocalSteps of the quadratic rule: largest H, &gt;= localSteps where it rules
   * @param outer what the driver makes of an average
   * @param outerLearningRate its learning rate, &gt; 0
   * @param outerMomentum its momentum, [0, 1)
   * @param optimizerState what becomes of momentum and mean squares at the end of a round
   * @param wire number format of what workers send
   * @param batchNorm what becomes of running means and variances at the end of a round
   */
  public record Averaging(
      int localSteps,
      Period schedule,
      double synchronousEpochs,
      double qsrAlpha,
      int maxLocalSteps,
      Outer outer,
      double outerLearningRate,
      double outerMomentum,
      OptimizerState optimizerState,
      Wire wire,
      BatchNorm batchNorm)
      implements Serializable {
    public Averaging {
      new SectionRules("train.averaging")
          .positive("local-steps", localSteps)
          .notNegative("synchronous-epochs", synchronousEpochs)
          .positive("qsr-alpha", qsrAlpha)
          .require(
              schedule != Period.QSR || maxLocalSteps >= localSteps,
              "max-local-steps",
              maxLocalSteps,
              ">= train.averaging.local-steps = " + localSteps)
          .positive("outer-learning-rate", outerLearningRate)
          .fractionBelowOne("outer-momentum", outerMomentum)
          .verify();
    }

    /** How the number of local steps changes. */
    public enum Period {
      /** Not at all. */
      CONSTANT,
      /** With the inverse square of the learning rate (Gu et al. 2023). */
      QSR
    }

    /** What the driver makes of an average. */
    public enum Outer {
      /** It is the new parameters. */
      AVERAGE,
      /** Momentum on its difference to the round's start. */
      MOMENTUM,
      /** Nesterov's momentum on that (DiLoCo, Douillard et al. 2023). */
      NESTEROV,
      /** Momentum on that difference by the local learning rate (SlowMo, Wang et al. 2019). */
      SLOWMO
    }

    /** Number format of what workers send. */
    public enum Wire {
      /** Values in 32-bit floating point. */
      FP32,
      /** Changes of parameters in 16-bit floating point, scaled by block. */
      FP16,
      /** Changes of parameters in bfloat16. */
      BF16,
      /** Changes of parameters in 8-bit integers, scaled by block, with error compensation. */
      INT8
    }

    /** What becomes of the optimizer's state at the end of a round. */
    public enum OptimizerState {
      /** Averaged, as the parameters are. */
      AVERAGE,
      /** Each worker keeps its own. */
      KEEP,
      /** New in every round. */
      RESET
    }

    /** What becomes of batch-norm statistics at the end of a round. */
    public enum BatchNorm {
      /** Averaged, weighted by examples. */
      AVERAGE
    }
  }

  /**
   * The local optimizer.
   *
   * @param name the rule
   * @param momentum of sgd and rmsprop, [0, 1)
   * @param nesterov of sgd
   * @param decay of rmsprop's mean square, [0, 1)
   * @param epsilon of rmsprop (inside the root) and adamw (outside), &gt; 0
   * @param beta1 of adamw, [0, 1)
   * @param beta2 of adamw, [0, 1)
   */
  public record Optimizer(
      Name name,
      double momentum,
      boolean nesterov,
      double decay,
      double epsilon,
      double beta1,
      double beta2)
      implements Serializable {
    public Optimizer {
      new SectionRules("train.optimizer")
          .fractionBelowOne("momentum", momentum)
          .fractionBelowOne("decay", decay)
          .positive("epsilon", epsilon)
          .fractionBelowOne("beta1", beta1)
          .fractionBelowOne("beta2", beta2)
          .verify();
    }

    /** The rule. */
    public enum Name {
      /** Stochastic gradient descent with momentum. */
      SGD,
      /** With TensorFlow's semantics (tpu utils.py). */
      RMSPROP,
      /** Adam with decoupled weight decay (Loshchilov &amp; Hutter 2019). */
      ADAMW
    }
  }

  /**
   * Learning rate over time.
   *
   * @param base at {@code perImages} images per step, &gt; 0
   * @param perImages global batch size that {@code base} stands for (linear scaling, Goyal et al.
   *     2017); 0: {@code base} is used as it is
   * @param schedule how it falls
   * @param warmupEpochs linear rise from 0, epochs, &gt;= 0
   * @param decayRate factor of the exponential schedule, (0, 1]
   * @param decayEpochs epochs between two such factors, &gt; 0
   */
  public record LearningRate(
      double base,
      int perImages,
      Schedule schedule,
      double warmupEpochs,
      double decayRate,
      double decayEpochs)
      implements Serializable {
    public LearningRate {
      new SectionRules("train.learning-rate")
          .positive("base", base)
          .notNegative("per-images", perImages)
          .notNegative("warmup-epochs", warmupEpochs)
          .require(decayRate > 0 && decayRate <= 1, "decay-rate", decayRate, "in (0, 1]")
          .positive("decay-epochs", decayEpochs)
          .verify();
    }

    /** The rate at the top of the schedule, for {@code globalBatchSize} images per step. */
    public double peak(int globalBatchSize) {
      return perImages == 0 ? base : base * globalBatchSize / perImages;
    }

    /** How the rate falls after the warm-up. */
    public enum Schedule {
      /** Half a cosine down to 0 at the end. */
      COSINE,
      /** Times {@code decay-rate} every {@code decay-epochs}, as stairs counted from step 0. */
      EXPONENTIAL,
      /** Not at all. */
      CONSTANT
    }
  }

  /**
   * Random crops and flips (Inception, Szegedy et al. 2015; tpu preprocessing.py).
   *
   * @param cropAreaMin smallest share of the image's area, (0, cropAreaMax]
   * @param cropAreaMax largest share, at most 1
   * @param flip probability of a left-right flip, [0, 1]
   * @param interpolation of the crop to the network's resolution
   */
  public record Augment(
      double cropAreaMin, double cropAreaMax, double flip, Interpolation interpolation)
      implements Serializable {
    public Augment {
      new SectionRules("train.augment")
          .require(
              cropAreaMin > 0 && cropAreaMin <= cropAreaMax,
              "crop-area-min",
              cropAreaMin,
              "in (0, train.augment.crop-area-max = " + cropAreaMax + "]")
          .require(cropAreaMax > 0 && cropAreaMax <= 1, "crop-area-max", cropAreaMax, "in (0, 1]")
          .fraction("flip", flip)
          .verify();
    }
  }

  /**
   * Decoding in the background.
   *
   * @param threads decoding threads of one worker, &gt; 0
   * @param queueBatches batches that may wait, &gt; 0; bounds the memory
   */
  public record Loader(int threads, int queueBatches) implements Serializable {
    public Loader {
      new SectionRules("train.loader")
          .positive("threads", threads)
          .positive("queue-batches", queueBatches)
          .verify();
    }
  }

  /**
   * Checkpoints.
   *
   * @param everyEpochs epochs between two, &gt; 0; the last epoch always has one
   * @param keep how many of the newest are kept, &gt; 0
   */
  public record Checkpoint(int everyEpochs, int keep) implements Serializable {
    public Checkpoint {
      new SectionRules("train.checkpoint")
          .positive("every-epochs", everyEpochs)
          .positive("keep", keep)
          .verify();
    }
  }
}
