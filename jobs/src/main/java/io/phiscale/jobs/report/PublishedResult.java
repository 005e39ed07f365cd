package io.phiscale.jobs.report;

import java.util.List;

/**
 * A result as its authors printed it: shown for orientation, never among measured rows.
 *
 * @param name the network's published name
 * @param parameters as printed
 * @param multiplyAdds as printed (the paper's "FLOPS")
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
}
