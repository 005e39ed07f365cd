package io.phiscale.jobs.report;

import io.phiscale.jobs.report.NetworkDetail.CalibrationBin;
import io.phiscale.jobs.report.NetworkDetail.ClassResult;
import io.phiscale.jobs.report.NetworkDetail.Confusion;
import java.util.List;

/** What lies behind the accuracies, as RFC 4180 CSV, accuracies as fractions. */
final class DetailTables {
  private DetailTables() {}

  /** A line for each network, weights and set. */
  static String sets(List<NetworkDetail> details) {
    StringBuilder csv = new StringBuilder();
    line(
        csv,
        "model",
        "weights",
        "set",
        "images",
        "top1",
        "top1_low",
        "top1_high",
        "top5",
        "loss",
        "ece",
        "real_images",
        "real_top1");
    for (NetworkDetail detail : details) {
      line(
          csv,
          detail.network(),
          detail.weights().label(),
          detail.set(),
          Long.toString(detail.images()),
          Figures.number(detail.top1(), 6),
          Figures.number(detail.interval().low(), 6),
          Figures.number(detail.interval().high(), 6),
          Figures.number(detail.top5(), 6),
          Figures.number(detail.loss(), 6),
          Figures.number(detail.calibrationError(), 6),
          detail.real().map(real -> Long.toString(real.images())).orElse(""),
          detail
              .real()
              .map(real -> Figures.number((double) real.right() / real.images(), 6))
              .orElse(""));
    }
    return csv.toString();
  }

  /** A line for each of those and class. */
  static String classes(List<NetworkDetail> details) {
    StringBuilder csv = new StringBuilder();
    line(csv, "model", "weights", "set", "class", "images", "right", "accuracy", "low", "high");
    for (NetworkDetail detail : details) {
      for (ClassResult result : detail.classes()) {
        WilsonInterval interval = WilsonInterval.of(result.right(), result.images());
        line(
            csv,
            detail.network(),
            detail.weights().label(),
            detail.set(),
            result.name(),
            Long.toString(result.images()),
            Long.toString(result.right()),
            Figures.number(result.accuracy(), 6),
            Figures.number(interval.low(), 6),
            Figures.number(interval.high(), 6));
      }
    }
    return csv.toString();
  }

  /** The confusion matrix off its diagonal: a line for each pair of classes that occurs. */
  static String confusions(List<NetworkDetail> details) {
    StringBuilder csv = new StringBuilder();
    line(csv, "model", "weights", "set", "actual", "guessed", "images");
    for (NetworkDetail detail : details) {
      for (Confusion confusion : detail.confusions()) {
        line(
            csv,
            detail.network(),
            detail.weights().label(),
            detail.set(),
            confusion.actual(),
            confusion.guessed(),
            Long.toString(confusion.images()));
      }
    }
    return csv.toString();
  }

  /** A line for each of those and bin of confidence. */
  static String calibration(List<NetworkDetail> details) {
    StringBuilder csv = new StringBuilder();
    line(csv, "model", "weights", "set", "low", "high", "images", "confidence", "accuracy");
    for (NetworkDetail detail : details) {
      for (CalibrationBin bin : detail.calibration()) {
        line(
            csv,
            detail.network(),
            detail.weights().label(),
            detail.set(),
            Figures.number(bin.low(), 6),
            Figures.number(bin.high(), 6),
            Long.toString(bin.images()),
            Figures.number(bin.confidence(), 6),
            Figures.number(bin.accuracy(), 6));
      }
    }
    return csv.toString();
  }

  /** A line for each pair of networks. */
  static String differences(List<Difference> differences) {
    StringBuilder csv = new StringBuilder();
    line(csv, "better", "other", "set", "images", "difference", "low", "high");
    for (Difference difference : differences) {
      line(
          csv,
          difference.better(),
          difference.other(),
          difference.set(),
          Long.toString(difference.images()),
          Figures.number(difference.difference(), 6),
          Figures.number(difference.low(), 6),
          Figures.number(difference.high(), 6));
    }
    return csv.toString();
  }

  private static void line(StringBuilder csv, String... fields) {
    csv.append(CsvTable.line(List.of(fields)));
  }
}
