package io.phiscale.jobs.report;

import java.util.List;
import java.util.stream.Stream;

/**
 * A result as its authors printed it: shown for orientation, never among measured rows.
 *
 * @param name the network's published name
 * @param parameters as printed
 * @param multiplyAdds as printed (the paper's "FLOPS"); empty where nothing is printed
 * @param top1Percent ImageNet validation top-1, as printed
 * @param top5Percent ImageNet validation top-5, as printed
 */
record PublishedResult(
    String name, String parameters, String multiplyAdds, String top1Percent, String top5Percent) {

  static final String SOURCE =
      "As printed in Tan and Le, EfficientNet, arXiv 1905.11946v5, Table 2: ImageNet validation,"
          + " single crop.";

  static final List<PublishedResult> EFFICIENTNETS =
      List.of(
          new PublishedResult("EfficientNet-B0", "5.3 M", "0.39 G", "77.1", "93.3"),
          new PublishedResult("EfficientNet-B1", "7.8 M", "0.70 G", "79.1", "94.4"),
          new PublishedResult("EfficientNet-B2", "9.2 M", "1.0 G", "80.1", "94.9"),
          new PublishedResult("EfficientNet-B3", "12 M", "1.8 G", "81.6", "95.7"),
          new PublishedResult("EfficientNet-B4", "19 M", "4.2 G", "82.9", "96.4"),
          new PublishedResult("EfficientNet-B5", "30 M", "9.9 G", "83.6", "96.7"),
          new PublishedResult("EfficientNet-B6", "43 M", "19 G", "84.0", "96.8"),
          new PublishedResult("EfficientNet-B7", "66 M", "37 G", "84.3", "97.0"));

  /** What the same table sets beside them. */
  static final List<PublishedResult> COMPETITORS =
      List.of(
          new PublishedResult("ResNet-50", "26 M", "4.1 G", "76.0", "93.0"),
          new PublishedResult("ResNet-152", "60 M", "11 G", "77.8", "93.8"),
          new PublishedResult("Inception-v3", "24 M", "5.7 G", "78.8", "94.4"),
          new PublishedResult("Xception", "23 M", "8.4 G", "79.0", "94.5"),
          new PublishedResult("Inception-v4", "48 M", "13 G", "80.0", "95.0"),
          new PublishedResult("ResNeXt-101", "84 M", "32 G", "80.9", "95.6"),
          new PublishedResult("SENet", "146 M", "42 G", "82.7", "96.2"),
          new PublishedResult("NASNet-A", "89 M", "24 G", "82.7", "96.2"),
          new PublishedResult("AmoebaNet-C", "155 M", "41 G", "83.5", "96.5"),
          new PublishedResult("GPipe", "557 M", "", "84.3", "97.0"));

  /** All of them. */
  static Stream<PublishedResult> all() {
    return Stream.concat(EFFICIENTNETS.stream(), COMPETITORS.stream());
  }

  /** The printed number of parameters; as precise as it was printed. */
  double parameterCount() {
    return count(parameters);
  }

  /** The printed number of multiply-adds; NaN where none is printed. */
  double multiplyAddCount() {
    return multiplyAdds.isEmpty() ? Double.NaN : count(multiplyAdds);
  }

  /** The printed top-1 in percent. */
  double top1() {
    return Double.parseDouble(top1Percent);
  }

  private static double count(String printed) {
    String[] parts = printed.split(" ", -1);
    return Double.parseDouble(parts[0]) * (parts[1].equals("G") ? 1e9 : 1e6);
  }
}
