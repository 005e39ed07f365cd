package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.time.Duration;
import java.util.List;

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
 * @param gradientClipNorm largest global norm of the gradients of a local step, &gt; 0; infinite:
 *     gradients of any norm stay
 * @param targets which labels count of images that have several with weights
 * @param labelSmoothing share of the target spread evenly over the classes, [0, 1)
 * @param emaDecay decay of the exponential moving average of the weights, [0, 1); 0: none is kept
 * @param augment random crops and flips
 * @param loader decoding in the background
 * @param checkpoint how often, and how many are kept
 * @param metrics what is written beside the JSON lines
 * @param maxSkippedFraction largest share of an epoch's images that may be damaged in the shards
 *     and left out, [0, 1]
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
    double gradientClipNorm,
    Targets targets,
    double labelSmoothing,
    double emaDecay,
    Augment augment,
    Loader loader,
    Checkpoint checkpoint,
    Metrics metrics,
    double maxSkippedFraction,
    Duration deadline,
    Resume resume)
    implements Serializable {

  public TrainSection {
    new SectionRules("train")
        .positive("epochs", epochs)
        .positive("batch-size", batchSize)
        .positive("workers", workers)
        .notNegative("weight-decay", weightDecay)
        .require(gradientClipNorm > 0, "gradient-clip-norm", gradientClipNorm, "> 0, or null")
        .fractionBelowOne("label-smoothing", labelSmoothing)
        .fractionBelowOne("ema-decay", emaDecay)
        .fraction("max-skipped-fraction", maxSkippedFraction)
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
            averaging.batchNorm() == Averaging.BatchNorm.AVERAGE
                || freeze == Freeze.NONE
                || frozenBatchNorm == FrozenBatchNorm.TRAINING,
            "averaging.batch-norm",
            "recalibrate",
            "average where train.freeze = features and train.frozen-batch-norm = inference:"
                + " running statistics stay")
        .require(
            precision == Precision.FP32 || kernels != KernelsChoice.ND4J,
            "precision",
            "bf16",
            "fp32 where train.kernels = nd4j")
        .verify();
  }

  /** Which labels count of images that have several with weights (tables, YFCC100M). */
  public enum Targets {
    /** All, in proportion to their weights. */
    SOFT,
    /** The one with the largest weight. */
    STRONGEST
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
   * @param batchNorm what becomes of running means and variances
   * @param recalibrationImages training images over which they are estimated anew, &gt; 0
   */
  public record Averaging(
      int localSteps,
      LocalStepsSchedule schedule,
      double synchronousEpochs,
      double qsrAlpha,
      int maxLocalSteps,
      Outer outer,
      double outerLearningRate,
      double outerMomentum,
      OptimizerState optimizerState,
      Wire wire,
      BatchNorm batchNorm,
      int recalibrationImages)
      implements Serializable {
    public Averaging {
      new SectionRules("train.averaging")
          .positive("local-steps", localSteps)
          .notNegative("synchronous-epochs", synchronousEpochs)
          .positive("qsr-alpha", qsrAlpha)
          .require(
              schedule != LocalStepsSchedule.QSR || maxLocalSteps >= localSteps,
              "max-local-steps",
              maxLocalSteps,
              ">= train.averaging.local-steps = " + localSteps)
          .positive("outer-learning-rate", outerLearningRate)
          .fractionBelowOne("outer-momentum", outerMomentum)
          .positive("recalibration-images", recalibrationImages)
          .verify();
    }

    /** How the number of local steps changes. */
    public enum LocalStepsSchedule {
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

    /** What becomes of batch-norm statistics. */
    public enum BatchNorm {
      /** Averaged at the end of a round, weighted by examples. */
      AVERAGE,
      /** That, and estimated anew for the averaged network before every checkpoint. */
      RECALIBRATE
    }
  }

  /**
   * The local optimizer.
   *
   * @param name the rule
   * @param momentum of sgd, rmsprop and lars, [0, 1)
   * @param nesterov of sgd and lars
   * @param decay of rmsprop's mean square, [0, 1)
   * @param epsilon of rmsprop (inside the root), adamw and lamb (outside) and lars (in the trust
   *     ratio), &gt; 0
   * @param beta1 of adamw and lamb, [0, 1)
   * @param beta2 of adamw and lamb, [0, 1)
   * @param trustCoefficient of lars, &gt; 0
   */
  public record Optimizer(
      Name name,
      double momentum,
      boolean nesterov,
      double decay,
      double epsilon,
      double beta1,
      double beta2,
      double trustCoefficient)
      implements Serializable {
    public Optimizer {
      new SectionRules("train.optimizer")
          .fractionBelowOne("momentum", momentum)
          .fractionBelowOne("decay", decay)
          .positive("epsilon", epsilon)
          .fractionBelowOne("beta1", beta1)
          .fractionBelowOne("beta2", beta2)
          .positive("trust-coefficient", trustCoefficient)
          .verify();
    }

    /** The rule. */
    public enum Name {
      /** Stochastic gradient descent with momentum. */
      SGD(1e-3),
      /** With TensorFlow's semantics (tpu utils.py). */
      RMSPROP(1e-3),
      /** Adam with decoupled weight decay (Loshchilov &amp; Hutter 2019). */
      ADAMW(1e-8),
      /** Adam scaled by the norms of each layer (You et al. 2020). */
      LAMB(1e-6),
      /** SGD scaled by the norms of each layer (You et al. 2017). */
      LARS(1e-8);

      private final double epsilon;

      Name(double epsilon) {
        this.epsilon = epsilon;
      }

      /** The epsilon of those who published it; of no effect on sgd. */
      public double usualEpsilon() {
        return epsilon;
      }
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
   * @param milestones epochs at which the step schedule falls, rising, &gt; 0; not empty where that
   *     is the schedule
   * @param milestoneFactor what it falls by, (0, 1]
   */
  public record LearningRate(
      double base,
      int perImages,
      Schedule schedule,
      double warmupEpochs,
      double decayRate,
      double decayEpochs,
      List<Double> milestones,
      double milestoneFactor)
      implements Serializable {
    public LearningRate {
      milestones = List.copyOf(milestones);
      new SectionRules("train.learning-rate")
          .positive("base", base)
          .notNegative("per-images", perImages)
          .notNegative("warmup-epochs", warmupEpochs)
          .require(decayRate > 0 && decayRate <= 1, "decay-rate", decayRate, "in (0, 1]")
          .positive("decay-epochs", decayEpochs)
          .require(rising(milestones), "milestones", milestones, "epochs > 0, rising")
          .require(
              schedule != Schedule.STEP || !milestones.isEmpty(),
              "milestones",
              milestones,
              "epochs such as [30, 60, 80] where train.learning-rate.schedule = step")
          .require(
              milestoneFactor > 0 && milestoneFactor <= 1,
              "milestone-factor",
              milestoneFactor,
              "in (0, 1]")
          .verify();
    }

    private static boolean rising(List<Double> epochs) {
      double before = 0;
      for (double epoch : epochs) {
        if (!(epoch > before) || Double.isInfinite(epoch)) {
          return false;
        }
        before = epoch;
      }
      return true;
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
      /** Times {@code milestone-factor} at each of {@code milestones}. */
      STEP,
      /** Not at all. */
      CONSTANT
    }
  }

  /**
   * Random crops and flips (Inception, Szegedy et al. 2015; tpu preprocessing.py) and what else is
   * done to training images.
   *
   * @param cropAreaMin smallest share of the image's area, (0, cropAreaMax]
   * @param cropAreaMax largest share, at most 1
   * @param flip probability of a left-right flip, [0, 1]
   * @param interpolation of the crop to the network's resolution
   * @param decode how much of a JPEG is decoded
   * @param policy operations on the picture
   * @param mixing Mixup, CutMix
   * @param noise colour jitter, lighting noise, erasing
   */
  public record Augment(
      double cropAreaMin,
      double cropAreaMax,
      double flip,
      Interpolation interpolation,
      Decoding decode,
      Policy policy,
      Noise noise,
      Mixing mixing)
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
   * A policy of operations.
   *
   * @param name which
   * @param form whose version of AutoAugment and RandAugment
   * @param magnitude of RandAugment and AugMix; -1: {@link #DEFAULT_MAGNITUDE}, or {@link
   *     #DEFAULT_AUGMIX_MAGNITUDE}
   * @param magnitudeStddev deviation of RandAugment's magnitude, &gt;= 0
   * @param layers operations of RandAugment, &gt; 0
   */
  public record Policy(Kind name, Form form, double magnitude, double magnitudeStddev, int layers)
      implements Serializable {
    /** RandAugment's magnitude where none is set (tpu main.py; timm's level 10). */
    public static final double DEFAULT_MAGNITUDE = 10;

    /** AugMix's magnitude where none is set (timm). */
    public static final double DEFAULT_AUGMIX_MAGNITUDE = 3;

    private static final double UNSET = -1;

    public Policy {
      double most = name == Kind.RANDAUGMENT && form == Form.TPU ? 100 : 10;
      new SectionRules("train.augment")
          .require(
              magnitude == UNSET || (magnitude >= 0 && magnitude <= most),
              "magnitude",
              magnitude,
              String.format("in [0, %.0f]", most))
          .notNegative("magnitude-stddev", magnitudeStddev)
          .positive("layers", layers)
          .verify();
    }

    /** The magnitude that holds. */
    public double effectiveMagnitude() {
      if (magnitude != UNSET) {
        return magnitude;
      }
      return name == Kind.AUGMIX ? DEFAULT_AUGMIX_MAGNITUDE : DEFAULT_MAGNITUDE;
    }

    /** Which policy. */
    public enum Kind {
      /** None. */
      NONE,
      /** AutoAugment's ImageNet policy v0. */
      AUTOAUGMENT,
      /** RandAugment. */
      RANDAUGMENT,
      /** TrivialAugment with wide ranges. */
      TRIVIALAUGMENT,
      /** AugMix's pictures. */
      AUGMIX
    }

    /** Whose version. */
    public enum Form {
      /** The original's. */
      TPU,
      /** Timm's. */
      TIMM,
      /** Timm's whose operations are all stronger at a higher magnitude (inc1, v0r). */
      TIMM_INCREASING
    }
  }

  /**
   * Noise on pictures.
   *
   * @param colorJitter strength of brightness, contrast and saturation, &gt;= 0; 0: none
   * @param lighting deviation of AlexNet's lighting noise, &gt;= 0; 0: none
   * @param randomErasing probability that a rectangle is erased, [0, 1]
   * @param randomErasingFill what is painted there
   */
  public record Noise(
      double colorJitter, double lighting, double randomErasing, Fill randomErasingFill)
      implements Serializable {
    public Noise {
      new SectionRules("train.augment")
          .notNegative("color-jitter", colorJitter)
          .notNegative("lighting", lighting)
          .fraction("random-erasing", randomErasing)
          .verify();
    }

    /** What is painted into an erased rectangle. */
    public enum Fill {
      /** The mean colour. */
      CONST,
      /** One random colour. */
      RAND,
      /** A random colour per pixel. */
      PIXEL
    }
  }

  /**
   * Mixing of the images of a batch.
   *
   * @param mixupAlpha of Mixup, &gt;= 0; 0: none
   * @param cutmixAlpha of CutMix, &gt;= 0; 0: none
   */
  public record Mixing(double mixupAlpha, double cutmixAlpha) implements Serializable {
    public Mixing {
      new SectionRules("train.augment")
          .notNegative("mixup-alpha", mixupAlpha)
          .notNegative("cutmix-alpha", cutmixAlpha)
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
   * @param everyRounds rounds between two besides those, &gt;= 0; 0: none besides
   * @param keep how many of the newest are kept, &gt; 0
   * @param keepEveryEpochs those whose epoch is a multiple of it are kept for ever, &gt;= 0; 0:
   *     none
   * @param keepBest whether each is scored on the minival images, and the best kept
   */
  public record Checkpoint(
      int everyEpochs, int everyRounds, int keep, int keepEveryEpochs, boolean keepBest)
      implements Serializable {
    public Checkpoint {
      new SectionRules("train.checkpoint")
          .positive("every-epochs", everyEpochs)
          .notNegative("every-rounds", everyRounds)
          .positive("keep", keep)
          .notNegative("keep-every-epochs", keepEveryEpochs)
          .require(
              everyEpochs <= 0 || keepEveryEpochs % everyEpochs == 0,
              "keep-every-epochs",
              keepEveryEpochs,
              "a multiple of train.checkpoint.every-epochs = " + everyEpochs + ", or 0")
          .verify();
    }
  }

  /**
   * Metrics.
   *
   * @param tensorboard whether event files are written with every checkpoint
   */
  public record Metrics(boolean tensorboard) implements Serializable {}
}
