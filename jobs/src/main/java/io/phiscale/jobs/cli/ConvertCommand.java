package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.report.PhiKind;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.LocalCopy;
import io.phiscale.jobs.run.NetworkIdentity;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.run.WeightsFile;
import io.phiscale.model.network.ModelZip;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.weights.SafeTensors;
import io.phiscale.model.weights.Tensor;
import io.phiscale.model.weights.TorchLayout;
import io.phiscale.model.weights.TorchWeights;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale convert}: weights of torchvision and timm to checkpoints and back; no Spark. */
@Command(
    name = "convert",
    header = "Import weights of torchvision, timm or a DL4J zip, or export a checkpoint as such.",
    description = {
      "Import: a .safetensors, .pth or .pt file becomes a run directory that evaluate reads,",
      "and that train starts from by train.initial-weights.",
      "Export: a run directory or checkpoint becomes a .safetensors file, or a .zip of DL4J's own",
      "ModelSerializer (without updater state), which convert also reads back.",
      "Tensors go by name; what is missing, unknown or of another shape is refused. Of a .pth only",
      "tensors are read; nothing in it is run."
    },
    footer = {
      "%nExamples:",
      "  phiscale convert --input efficientnet_b0.pth --output runs/b0 --model b0 \\",
      "    --convention torchvision --labels shards/imagenet",
      "  phiscale convert --input runs/train --output mine.safetensors --layout timm",
      "  phiscale convert --input runs/train/best --output mine.zip"
    })
final class ConvertCommand extends PhiscaleCommand {
  @Option(
      names = "--input",
      paramLabel = "PLACE",
      required = true,
      description = "A file to import; or a run directory, RUN/best, or one checkpoint to export.")
  private String input;

  @Option(
      names = "--output",
      paramLabel = "PLACE",
      required = true,
      description = "The run directory, or the .safetensors or .zip file to write; must not exist.")
  private String output;

  @Option(
      names = "--model",
      paramLabel = "VARIANT",
      description = "Import: the network whose weights these are, b0 to b7.")
  private String model;

  @Option(
      names = "--classes",
      paramLabel = "NUMBER",
      description = "Import: number of classes (default: those of --labels, or else 1000).")
  private Integer classes;

  @Option(
      names = "--labels",
      paramLabel = "PLACE",
      description =
          "Import: names of the classes in the order of the scores: shards, or a text file with one"
              + " name a line (default: 0, 1, 2, ...). evaluate wants those of its shards.")
  private String labels;

  @Option(
      names = "--layout",
      paramLabel = "NAME",
      description =
          "Whose names the tensors have, torchvision or timm (default: import as found, export"
              + " torchvision).")
  private String layout;

  @Option(
      names = "--convention",
      paramLabel = "NAME",
      description =
          "Import: padding and batch norm that the weights were trained with. torchvision:"
              + " symmetric, epsilon 1e-5 (b5 to b7 1e-3). timm: symmetric, 1e-5. tf (timm's"
              + " tf_efficientnet_*): same, 1e-3. Default: that of the layout.")
  private String convention;

  @Option(
      names = "--weights",
      paramLabel = "KIND",
      description = "Export: raw or ema, the moving average (default: ema where there is one).")
  private String weights;

  @Override
  public Integer call() throws IOException {
    Storage storage =
        Storage.of(Map.of()).withDeadline(new ConfigurationLoader().load().storage().deadline());
    URI from = Storage.uri(input);
    URI to = Storage.uri(output);
    boolean isCheckpoint = CheckpointStore.isPlace(storage, from);
    if (!isCheckpoint && !storage.exists(from)) {
      throw new IOException(String.format("No such file or directory: %s", input));
    }
    if (storage.exists(to)) {
      throw new IOException(String.format("Will not overwrite %s: remove it first", output));
    }
    phiscale
        .console()
        .print(
            isCheckpoint
                ? exportWeights(storage, from, to)
                : input.endsWith(".zip")
                    ? importZip(storage, from, to)
                    : importWeights(storage, from, to));
    return Phiscale.SUCCESS;
  }

  private String importZip(Storage storage, URI from, URI to) throws IOException {
    refuse("--weights", weights, "exports");
    refuse("--model", model, "files of tensors; a zip knows its network");
    refuse("--classes", classes, "files of tensors; a zip knows its classes");
    refuse("--labels", labels, "files of tensors; a zip knows its classes");
    refuse("--layout", layout, "files of tensors");
    refuse("--convention", convention, "files of tensors; a zip knows its convention");
    return LocalCopy.of(
        storage,
        from,
        file -> {
          CheckpointInfo info = CheckpointInfo.ofJson(ModelZip.description(file), from);
          float[] parameters = ModelZip.parameters(file, info.network());
          new CheckpointStore(storage, to)
              .publish(new Checkpoint(info, parameters, new float[0], new float[0], new float[0]));
          return String.format(
              Locale.ROOT,
              "Imported %,d values of %s%nRun: %s",
              parameters.length,
              info.network().name(),
              output);
        });
  }

  private String importWeights(Storage storage, URI from, URI to) throws IOException {
    refuse("--weights", weights, "exports");
    if (model == null) {
      throw usage("Missing option --model: which network are these weights of? (b0 to b7)");
    }
    EfficientNetVariant variant = value(() -> EfficientNetVariant.named(model));
    TorchLayout asked = layout == null ? null : value(() -> TorchLayout.named(layout));
    List<String> names = classNames(storage);
    if (!WeightsFile.isNamedLikeOne(from)) {
      throw usage(
          "Invalid value for option '--input': "
              + input
              + " (must be a directory or end in .safetensors, .pth, .pt or .zip)");
    }
    WeightsFile file = WeightsFile.read(storage, from);
    TorchLayout found = asked == null ? TorchLayout.of(file.tensors().keySet()) : asked;
    NetworkSpec network =
        inConvention(NetworkSpec.efficientNet(variant, names.size()), variant, found);
    float[] parameters = new TorchWeights(network, found).parameters(file.tensors());
    Origin origin =
        new Origin(
            from.toString(),
            file.sha256(),
            Origin.Classifier.LOADED,
            Freeze.NONE,
            FrozenBatchNorm.INFERENCE);
    new CheckpointStore(storage, to)
        .publish(
            new Checkpoint(
                info(variant, network, names, origin),
                parameters,
                new float[0],
                new float[0],
                new float[0]));
    return String.format(
        Locale.ROOT,
        "Imported %s tensors of %s's layout, %,d values, as %s (%s padding, epsilon %s)%nRun: %s",
        file.tensors().size(),
        found.name().toLowerCase(Locale.ROOT),
        parameters.length,
        network.name(),
        network.padding().name().toLowerCase(Locale.ROOT),
        network.batchNorm().epsilon(),
        output);
  }

  private String exportWeights(Storage storage, URI from, URI to) throws IOException {
    refuse("--model", model, "imports; a checkpoint knows its network");
    refuse("--classes", classes, "imports; a checkpoint knows its classes");
    refuse("--labels", labels, "imports; a checkpoint knows its classes");
    refuse("--convention", convention, "imports; a checkpoint knows its convention");
    boolean zip = output.endsWith(".zip");
    if (!zip && !output.endsWith(".safetensors")) {
      throw usage(
          "Invalid value for option '--output': " + output + " (must end in .safetensors or .zip)");
    }
    if (zip) {
      refuse("--layout", layout, ".safetensors; a zip has DL4J's");
    }
    TorchLayout wanted =
        layout == null ? TorchLayout.TORCHVISION : value(() -> TorchLayout.named(layout));
    if (weights != null && !weights.equals("raw") && !weights.equals("ema")) {
      throw usage("Invalid value for option '--weights': " + weights + " (must be raw or ema)");
    }
    Checkpoint checkpoint = CheckpointStore.open(storage, from);
    boolean hasAverage = checkpoint.movingAverage().length > 0;
    if ("ema".equals(weights) && !hasAverage) {
      throw new IOException(String.format("No moving average in the checkpoint %s", input));
    }
    boolean average = hasAverage && !"raw".equals(weights);
    float[] exported = average ? checkpoint.movingAverage() : checkpoint.parameters();
    if (zip) {
      CheckpointInfo info = checkpoint.info();
      storage.writeAtomically(
          to, out -> ModelZip.write(out, info.network(), exported, info.toJson()));
      return String.format(
          Locale.ROOT,
          "Exported %,d values, %s, of %s, without updater state%nFile: %s",
          exported.length,
          average ? "the moving average" : "raw weights",
          info.network().name(),
          output);
    }
    Map<String, Tensor> tensors =
        new TorchWeights(checkpoint.info().network(), wanted).tensors(exported);
    storage.writeAtomically(to, out -> SafeTensors.write(out, tensors));
    return String.format(
        Locale.ROOT,
        "Exported %s tensors in %s's layout, %s, of %s%nFile: %s",
        tensors.size(),
        wanted.name().toLowerCase(Locale.ROOT),
        average ? "the moving average" : "raw weights",
        checkpoint.info().network().name(),
        output);
  }

  private List<String> classNames(Storage storage) throws IOException {
    if (labels == null) {
      int count = classes == null ? 1000 : classes;
      if (count < 1) {
        throw usage("Invalid value for option '--classes': " + count + " (must be > 0)");
      }
      return IntStream.range(0, count).mapToObj(String::valueOf).toList();
    }
    URI place = Storage.uri(labels);
    List<String> names =
        storage.isDirectory(place)
            ? ShardManifest.read(storage, place).labels().names()
            : storage.readUtf8(place).lines().map(String::strip).filter(n -> !n.isEmpty()).toList();
    if (names.isEmpty() || (classes != null && classes != names.size())) {
      throw usage(
          String.format(
              "Invalid value for option '--labels': %s names %s classes%s",
              labels, names.size(), classes == null ? "" : ", --classes " + classes));
    }
    return names;
  }

  private NetworkSpec inConvention(
      NetworkSpec network, EfficientNetVariant variant, TorchLayout found) {
    String name = convention == null ? found.name().toLowerCase(Locale.ROOT) : convention;
    return switch (name) {
      case "torchvision" ->
          network
              .withPadding(Padding.SYMMETRIC)
              .withBatchNorm(BatchNormConvention.ofTorchvision(variant));
      case "timm" ->
          network.withPadding(Padding.SYMMETRIC).withBatchNorm(BatchNormConvention.TORCH);
      case "tf" -> network.withPadding(Padding.SAME).withBatchNorm(BatchNormConvention.TENSORFLOW);
      default ->
          throw usage(
              "Invalid value for option '--convention': "
                  + name
                  + " (must be torchvision, timm or tf)");
    };
  }

  private static CheckpointInfo info(
      EfficientNetVariant variant, NetworkSpec network, List<String> names, Origin origin) {
    return new CheckpointInfo(
        CheckpointInfo.SCHEMA_VERSION,
        network,
        new NetworkIdentity(
            variant.name().toLowerCase(Locale.ROOT),
            variant.nominalPhi(),
            PhiKind.NOMINAL,
            variant.coefficients().width(),
            variant.coefficients().depth()),
        names,
        Progress.START,
        0,
        "",
        "",
        origin,
        0,
        0,
        0,
        0,
        "");
  }

  private void refuse(String option, Object value, String only) {
    if (value != null) {
      throw usage(option + " is for " + only);
    }
  }

  private <T> T value(Supplier<T> parsed) {
    try {
      return parsed.get();
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
