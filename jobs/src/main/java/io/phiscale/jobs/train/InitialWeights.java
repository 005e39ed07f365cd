package io.phiscale.jobs.train;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.WeightsFile;
import io.phiscale.model.layers.ParameterSegment;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.MBConvSpec;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import io.phiscale.model.weights.TorchLayout;
import io.phiscale.model.weights.TorchWeights;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The parameters that a run starts from, where {@code train.initial-weights} names some: the
 * features of a checkpoint or of a file of torchvision or timm, and a classifier for this data set.
 *
 * <p>The classifier is taken over where it has as many classes as here and {@code
 * train.initial-classifier} is {@code auto}; otherwise it stays as it was drawn. Of a checkpoint
 * the moving average counts, where there is one.
 */
final class InitialWeights {
  private final float[] parameters;
  private final Origin origin;
  private final String description;

  private InitialWeights(float[] parameters, Origin origin, String description) {
    this.parameters = parameters;
    this.origin = origin;
    this.description = description;
  }

  /** The whole parameter vector. */
  float[] parameters() {
    return parameters;
  }

  /** What the run's checkpoints say about it. */
  Origin origin() {
    return origin;
  }

  /** One line for people. */
  String description() {
    return description;
  }

  /** What a place holds, before it is fitted to this run. */
  private record Found(NetworkSpec network, String sha256, String what, String remark) {}

  /**
   * Reads and fits them.
   *
   * @param network of this run
   * @param drawn parameters of this run's seed, for what is not read
   * @throws ConfigurationException if there is nothing there, or it does not fit; names the key and
   *     what does not fit
   * @throws IOException if it cannot be read
   */
  static InitialWeights read(
      Storage storage, TrainSection train, NetworkPlan network, float[] drawn) throws IOException {
    URI place = Storage.uri(train.initialWeights().toString());
    boolean isCheckpoint = CheckpointStore.isPlace(storage, place);
    if (!isCheckpoint && !storage.exists(place)) {
      throw refused(train, "there is no such file or directory");
    }
    Found found;
    float[] theirs;
    if (isCheckpoint) {
      Checkpoint checkpoint = CheckpointStore.open(storage, place);
      CheckpointInfo info = checkpoint.info();
      requireSameFeatures(train, network.spec(), info.network());
      boolean average = checkpoint.movingAverage().length > 0;
      theirs = average ? checkpoint.movingAverage() : checkpoint.parameters();
      found =
          new Found(
              info.network(),
              info.stateSha256(),
              average ? "the moving average of a checkpoint" : "a checkpoint",
              "");
    } else if (WeightsFile.isNamedLikeOne(place)) {
      WeightsFile file = WeightsFile.read(storage, place);
      try {
        TorchLayout layout = TorchLayout.of(file.tensors().keySet());
        NetworkSpec spec =
            network
                .spec()
                .withClasses(TorchWeights.classes(network.spec(), layout, file.tensors()));
        theirs = new TorchWeights(spec, layout).parameters(file.tensors());
        found =
            new Found(
                spec,
                file.sha256(),
                String.format(
                    "%s tensors of %s's layout",
                    file.tensors().size(), layout.name().toLowerCase(Locale.ROOT)),
                remark(layout, network));
      } catch (IllegalArgumentException e) {
        throw refused(train, e.getMessage());
      }
    } else {
      throw refused(
          train,
          "it must be a run directory, a checkpoint, or a file that ends in .safetensors, .pth or"
              + " .pt");
    }
    return fit(train, network.spec(), drawn, found, theirs);
  }

  private static InitialWeights fit(
      TrainSection train, NetworkSpec network, float[] drawn, Found found, float[] theirs) {
    ParameterLayout layout = EfficientNets.parameterLayout(network);
    requireFinite(train, found.network(), theirs);
    boolean sameClasses = found.network().classes() == network.classes();
    boolean whole = sameClasses && train.initialClassifier() == TrainSection.InitialClassifier.AUTO;
    float[] parameters = drawn.clone();
    for (Segment segment : layout.segments()) {
      // The classifier lies at the end, so that features lie alike whatever its size.
      if (whole || !EfficientNets.isClassifier(segment.name())) {
        System.arraycopy(theirs, segment.offset(), parameters, segment.offset(), segment.length());
      }
    }
    String classifier =
        whole
            ? String.format("the classifier too (%s classes)", network.classes())
            : String.format(
                "a new classifier for %s classes (there %s)",
                network.classes(), found.network().classes());
    return new InitialWeights(
        parameters,
        new Origin(
            train.initialWeights().toString(),
            found.sha256(),
            whole ? Origin.Classifier.LOADED : Origin.Classifier.NEW,
            Freeze.valueOf(train.freeze().name()),
            FrozenBatchNorm.valueOf(train.frozenBatchNorm().name())),
        String.format(
            "initial weights from %s (%s), %s%s",
            shown(train.initialWeights()), found.what(), classifier, found.remark()));
  }

  private static void requireFinite(TrainSection train, NetworkSpec network, float[] values) {
    for (Segment segment : EfficientNets.parameterLayout(network).segments()) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        if (!Float.isFinite(values[i])) {
          throw refused(
              train, String.format("%s holds %s (must be finite)", segment.name(), values[i]));
        }
      }
    }
  }

  /** A checkpoint knows its network: features must be the same function of the image. */
  private static void requireSameFeatures(
      TrainSection train, NetworkSpec ours, NetworkSpec theirs) {
    Map<String, ParameterSegment> expected = EfficientNets.parameterSegments(ours);
    Map<String, ParameterSegment> there = EfficientNets.parameterSegments(theirs);
    for (Map.Entry<String, ParameterSegment> segment : expected.entrySet()) {
      ParameterSegment other = there.get(segment.getKey());
      if (other == null) {
        throw differs(train, ours, theirs, "it has no tensor " + segment.getKey());
      }
      if (!other.shape().equals(segment.getValue().shape())
          && !EfficientNets.isClassifier(segment.getKey())) {
        throw differs(
            train,
            ours,
            theirs,
            String.format(
                "its tensor %s has the shape %s (must be %s)",
                segment.getKey(), other.shape(), segment.getValue().shape()));
      }
    }
    for (String name : there.keySet()) {
      if (!expected.containsKey(name)) {
        throw differs(train, ours, theirs, "it has a tensor " + name + " besides");
      }
    }
    List<String> differences = new ArrayList<>();
    differing(differences, "network.padding", lower(ours.padding()), lower(theirs.padding()));
    differing(
        differences,
        "network.batch-norm.epsilon",
        ours.batchNorm().epsilon(),
        theirs.batchNorm().epsilon());
    differing(differences, "the stem's stride", ours.stemStride(), theirs.stemStride());
    differing(differences, "the blocks", blocks(ours), blocks(theirs));
    if (!differences.isEmpty()) {
      throw refused(train, "its network has " + String.join("; ", differences));
    }
  }

  private static void differing(List<String> differences, String what, Object ours, Object theirs) {
    if (!ours.equals(theirs)) {
      differences.add(String.format("%s = %s, this configuration %s", what, theirs, ours));
    }
  }

  private static ConfigurationException differs(
      TrainSection train, NetworkSpec ours, NetworkSpec theirs, String how) {
    return refused(
        train, String.format("its network %s is not %s: %s", theirs.name(), ours.name(), how));
  }

  private static ConfigurationException refused(TrainSection train, String reason) {
    return new ConfigurationException(
        String.format(
            "Cannot start from train.initial-weights = %s: %s",
            shown(train.initialWeights()), reason));
  }

  /**
   * Tensors do not say with which padding and epsilon they were trained; their names hint at it.
   */
  private static String remark(TorchLayout layout, NetworkPlan network) {
    Padding padding = network.spec().padding();
    double epsilon = network.spec().batchNorm().epsilon();
    boolean symmetric = padding == Padding.SYMMETRIC;
    double torch = BatchNormConvention.TORCH.epsilon();
    double tensorFlow = BatchNormConvention.TENSORFLOW.epsilon();
    String usual =
        switch (layout) {
          case TORCHVISION -> {
            double theirs = epsilonOfTorchvision(network.identity().name());
            yield symmetric && epsilon == theirs
                ? ""
                : String.format("symmetric padding and epsilon %s", theirs);
          }
          case TIMM ->
              epsilon == (symmetric ? torch : tensorFlow)
                  ? ""
                  : String.format(
                      "symmetric padding and epsilon %s, or same and %s (tf_ models)",
                      torch, tensorFlow);
        };
    return usual.isEmpty()
        ? ""
        : String.format(
            "; %s trains with %s, this run has %s and %s: see network.padding and"
                + " network.batch-norm.epsilon",
            lower(layout), usual, lower(padding), epsilon);
  }

  private static double epsilonOfTorchvision(String name) {
    for (EfficientNetVariant variant : EfficientNetVariant.values()) {
      if (lower(variant).equals(name)) {
        return BatchNormConvention.ofTorchvision(variant).epsilon();
      }
    }
    return BatchNormConvention.TORCH.epsilon();
  }

  private static List<String> blocks(NetworkSpec network) {
    return network.stages().stream().map(MBConvSpec::encode).toList();
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static String shown(URI place) {
    return "file".equals(place.getScheme()) ? place.getPath() : place.toString();
  }
}
