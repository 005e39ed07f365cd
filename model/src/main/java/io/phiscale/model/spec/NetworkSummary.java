package io.phiscale.model.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * A network as a table, and an estimate of the memory that training it takes, in the manner of the
 * torchinfo tool, whose numbers it reproduces: bytes are 4 per element, a megabyte is 10^6 bytes,
 * the forward/backward pass is twice the output of every layer that has parameters.
 *
 * <p>Source: TylerYep/torchinfo {@code torchinfo/layer_info.py} and {@code model_statistics.py}.
 *
 * @param network to summarise
 * @param freeze what is not trained
 */
public record NetworkSummary(NetworkSpec network, Freeze freeze) {

  private static final int FLOAT_BYTES = 4;
  private static final double MEGABYTE = 1e6;
  private static final String GAP = "  ";

  public NetworkSummary {
    if (network == null) {
      throw new IllegalArgumentException("Invalid network: null");
    }
    if (freeze == null) {
      throw new IllegalArgumentException("Invalid freeze: null (must be NONE or FEATURES)");
    }
  }

  /** Parameters of all layers, frozen or not; running statistics are not parameters. */
  public long totalParameters() {
    return sum(LayerSpec::parameters);
  }

  /** Parameters that training changes. */
  public long trainableParameters() {
    return sum(layer -> freeze.trains(layer) ? layer.parameters() : 0);
  }

  /** Parameters that training leaves alone. */
  public long nonTrainableParameters() {
    return totalParameters() - trainableParameters();
  }

  /**
   * Multiply-adds of convolutions and classifier for a batch, as {@link NetworkCounts} counts them.
   */
  public long multiplyAdds(int batch) {
    return checked(batch) * sum(LayerSpec::multiplyAdds);
  }

  /** Multiply-adds for a batch as torchinfo counts them: with biases and batch norm. */
  public long torchinfoMultiplyAdds(int batch) {
    return checked(batch) * sum(LayerSpec::torchinfoMultiplyAdds);
  }

  /** Bytes of a batch of images, float32. */
  public long inputBytes(int batch) {
    return checked(batch)
        * network.resolutionPx()
        * network.resolutionPx()
        * network.inputChannels()
        * FLOAT_BYTES;
  }

  /** Bytes of the outputs of all layers and of their gradients for a batch, float32. */
  public long forwardBackwardBytes(int batch) {
    return checked(batch) * 2 * FLOAT_BYTES * sum(LayerSpec::outputElements);
  }

  /** Bytes of the parameters, float32. */
  public long parameterBytes() {
    return FLOAT_BYTES * totalParameters();
  }

  /** Input, forward/backward pass and parameters together; optimizer state is not in it. */
  public long totalBytes(int batch) {
    return inputBytes(batch) + forwardBackwardBytes(batch) + parameterBytes();
  }

  private long sum(ToLongFunction<LayerSpec> count) {
    return network.layers().stream().mapToLong(count).sum();
  }

  private static long checked(int batch) {
    if (batch <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid batch size: %s (must be > 0)", batch));
    }
    return batch;
  }

  /**
   * The table as text, one line per layer, with the totals below it.
   *
   * @param batch images per batch, > 0
   * @throws IllegalArgumentException if the batch size is not positive
   */
  public String render(int batch) {
    checked(batch);
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of("Layer", "Kind", "Output (N, H, W, C)", "Parameters", "Mult-adds", "Trainable"));
    for (LayerSpec layer : network.layers()) {
      rows.add(
          List.of(
              layer.group() + "/" + layer.name(),
              kind(layer),
              shape(layer, batch),
              String.format(Locale.ROOT, "%,d", layer.parameters()),
              layer.multiplyAdds() == 0
                  ? "--"
                  : String.format(Locale.ROOT, "%,d", batch * layer.multiplyAdds()),
              freeze.trains(layer) ? "yes" : "no"));
    }
    int[] widths = new int[rows.get(0).size()];
    for (List<String> row : rows) {
      for (int column = 0; column < widths.length; column++) {
        widths[column] = Math.max(widths[column], row.get(column).length());
      }
    }
    StringBuilder text = new StringBuilder();
    text.append(title(batch)).append('\n');
    String rule = rule(widths);
    text.append(rule);
    appendRow(text, rows.get(0), widths);
    text.append(rule);
    for (List<String> row : rows.subList(1, rows.size())) {
      appendRow(text, row, widths);
    }
    text.append(rule);
    appendTotals(text, batch);
    return text.toString();
  }

  private String title(int batch) {
    return String.format(
        Locale.ROOT,
        "%s, %d classes%s\ninput (%d, %d, %d, %d), %s padding, batch norm epsilon %s momentum %s",
        network.name(),
        network.classes(),
        freeze == Freeze.FEATURES ? ", features frozen" : "",
        batch,
        network.resolutionPx(),
        network.resolutionPx(),
        network.inputChannels(),
        network.padding().name().toLowerCase(Locale.ROOT),
        network.batchNorm().epsilon(),
        network.batchNorm().momentum());
  }

  private static String kind(LayerSpec layer) {
    return switch (layer.kind()) {
      case CONVOLUTION, DEPTHWISE_CONVOLUTION ->
          String.format(
              "%s %sx%s%s",
              layer.kind().label(),
              layer.kernel(),
              layer.kernel(),
              layer.stride() == 1 ? "" : " /" + layer.stride());
      case BATCH_NORM, SQUEEZE_EXCITATION_CONVOLUTION, DENSE -> layer.kind().label();
    };
  }

  private static String shape(LayerSpec layer, int batch) {
    return layer.kind() == LayerSpec.Kind.DENSE
        ? String.format("(%s, %s)", batch, layer.outputFilters())
        : String.format(
            "(%s, %s, %s, %s)", batch, layer.outputPx(), layer.outputPx(), layer.outputFilters());
  }

  private static String rule(int[] widths) {
    int total = GAP.length() * (widths.length - 1);
    for (int width : widths) {
      total += width;
    }
    return "-".repeat(total) + "\n";
  }

  private static void appendRow(StringBuilder text, List<String> row, int[] widths) {
    for (int column = 0; column < widths.length; column++) {
      // Numbers to the right, text to the left; nothing trails the last column.
      boolean number = column == 3 || column == 4;
      String padding = " ".repeat(widths[column] - row.get(column).length());
      text.append(column == 0 ? "" : GAP);
      text.append(number ? padding : "").append(row.get(column));
      text.append(number || column == widths.length - 1 ? "" : padding);
    }
    text.append('\n');
  }

  private void appendTotals(StringBuilder text, int batch) {
    long runningStatistics = sum(LayerSpec::runningStatistics);
    total(text, "Total parameters", count(totalParameters()));
    total(text, "Trainable parameters", count(trainableParameters()));
    total(text, "Non-trainable parameters", count(nonTrainableParameters()));
    total(text, "Batch-norm running statistics", count(runningStatistics));
    total(text, "Mult-adds, one image", count(multiplyAdds(1)));
    total(text, "Mult-adds, batch", readable(multiplyAdds(batch)));
    total(
        text,
        "Mult-adds, batch, as torchinfo",
        readable(torchinfoMultiplyAdds(batch)) + "  (biases and batch norm counted too)");
    total(text, "Input size (MB)", megabytes(inputBytes(batch)));
    total(text, "Forward/backward pass (MB)", megabytes(forwardBackwardBytes(batch)));
    total(text, "Parameters (MB)", megabytes(parameterBytes()));
    total(text, "Estimated total (MB)", megabytes(totalBytes(batch)));
  }

  private static void total(StringBuilder text, String label, String value) {
    text.append(String.format("%-32s", label + ":")).append(value).append('\n');
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f", bytes / MEGABYTE);
  }

  /** Two decimals of the largest unit that the number reaches. */
  static String readable(long number) {
    if (number >= 1_000_000_000_000L) {
      return String.format(Locale.ROOT, "%.2f T", number / 1e12);
    }
    if (number >= 1_000_000_000L) {
      return String.format(Locale.ROOT, "%.2f G", number / 1e9);
    }
    return String.format(Locale.ROOT, "%.2f M", number / 1e6);
  }
}
