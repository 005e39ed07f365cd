package io.phiscale.jobs.report;

import io.phiscale.jobs.report.NetworkDetail.CalibrationBin;
import io.phiscale.jobs.report.NetworkDetail.ClassResult;
import io.phiscale.jobs.report.NetworkDetail.Confusion;
import io.phiscale.jobs.report.NetworkDetail.Example;
import io.phiscale.jobs.report.NetworkResult.Scaling;
import io.phiscale.jobs.report.NetworkResult.Score;
import io.phiscale.jobs.report.NetworkResult.Training;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.imageio.ImageIO;

/** Invented reports in the size of real ones; {@link #main} writes one to look at. */
final class SampleReports {
  private SampleReports() {}

  /**
   * Writes a report's files below the folder named by the first argument: crowded, detailed, axes
   * or plain.
   */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    ReportWriter.write(
        switch (arguments.length > 1 ? arguments[1] : "") {
          case "crowded" -> crowded().withReference(Reference.IMAGENET).withLaw();
          case "detailed" -> detailed();
          case "axes" -> axes().withLaw();
          default -> phiStudy();
        },
        (name, bytes) -> {
          Path file = folder.resolve(name);
          Files.createDirectories(file.getParent());
          Files.write(file, bytes);
        });
  }

  /** Three networks φ = 0, 1, 2, each with raw and EMA weights, and their learning curves. */
  static EvaluationReport phiStudy() {
    List<NetworkResult> rows = new ArrayList<>();
    List<LearningCurve> curves = new ArrayList<>();
    long[] parameters = {312_458, 391_902, 533_164};
    long[] multiplyAdds = {4_812_416, 9_530_880, 18_940_928};
    double[] raw = {0.742, 0.778, 0.796};
    double[] ema = {0.751, 0.789, 0.8135};
    for (int phi = 0; phi <= 2; phi++) {
      Scaling scaling =
          new Scaling(
              phi,
              PhiKind.COMPOUND,
              Math.pow(1.1, phi),
              Math.pow(1.2, phi),
              (int) Math.round(28 * Math.pow(1.15, phi)));
      for (Weights weights : Weights.values()) {
        double top1 = (weights == Weights.RAW ? raw : ema)[phi];
        rows.add(
            new NetworkResult(
                "phi-" + phi,
                scaling,
                parameters[phi],
                multiplyAdds[phi],
                weights,
                new Score(
                    1000,
                    10,
                    Math.round(top1 * 1000) / 1000.0,
                    0.98 + 0.005 * phi,
                    0.71 - 0.06 * phi,
                    0.875,
                    "bicubic",
                    Duration.ofMillis(840 + 600L * phi)),
                new Training(40_000, 8, 17, Duration.ofSeconds(31 + 28L * phi), 1290.0 / (phi + 1)),
                URI.create("file:/runs/quickstart/phi-" + phi + "/checkpoints/round-40")));
      }
      List<LearningPoint> points = new ArrayList<>();
      for (int round = 1; round <= 40; round++) {
        double wave = 0.05 * Math.sin(1.7 * round + phi) / Math.sqrt(round);
        points.add(
            new LearningPoint(
                round,
                round / 5.0,
                1000L * round,
                0.55 - 0.06 * phi + 1.75 * Math.exp(-round / 7.0) + wave,
                0.016,
                1290.0 / (phi + 1)));
      }
      curves.add(new LearningCurve("phi-" + phi, points));
    }
    Map<String, String> provenance = new LinkedHashMap<>();
    provenance.put("commit", "4f9c1d2e8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d");
    provenance.put("configuration", "conf/quickstart.conf");
    provenance.put("data set", "fashion-mnist-sample, 5,000 + 1,000 images, 10 classes");
    provenance.put(
        "manifest digest",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    provenance.put("Java", "17.0.15");
    provenance.put("Spark", "3.5.7, local[2]");
    return new EvaluationReport(
        "Quickstart: φ = 0, 1, 2 on Fashion-MNIST",
        rows,
        curves,
        provenance,
        List.of("One seed per network: the intervals do not cover the chance of training."));
  }

  /**
   * The EMA rows of the φ study as cells of one, and at the multiply-adds of φ = 1 and 2 networks
   * of one axis each.
   */
  static EvaluationReport axes() {
    List<NetworkResult> rows = new ArrayList<>();
    for (NetworkResult row : phiStudy().rows()) {
      if (row.weights() == Weights.RAW) {
        continue;
      }
      rows.add(row.withAxis(StudyAxis.COMPOUND));
      double phi = row.scaling().phi();
      for (StudyAxis axis : List.of(StudyAxis.DEPTH, StudyAxis.WIDTH, StudyAxis.RESOLUTION)) {
        if (phi > 0) {
          rows.add(
              new NetworkResult(
                      axis.label() + "-" + row.name(),
                      Scaling.withoutPhi(
                          axis == StudyAxis.WIDTH ? 1 + 0.4 * phi : 1,
                          axis == StudyAxis.DEPTH ? 1 + phi : 1,
                          axis == StudyAxis.RESOLUTION ? 28 + 12 * (int) phi : 28),
                      row.parameters(),
                      row.multiplyAdds() + 1000L * axis.label().length(),
                      Weights.EMA,
                      row.score(),
                      row.training(),
                      row.checkpoint())
                  .withAxis(axis));
        }
      }
    }
    return new EvaluationReport("Axes", rows, List.of(), Map.of(), List.of());
  }

  /** The φ study with times, and with what lies behind its best network: four images, pictures. */
  static EvaluationReport detailed() {
    EvaluationReport study = phiStudy();
    List<NetworkResult> rows =
        study.rows().stream()
            .map(
                row -> {
                  double factor = 1 + row.scaling().phi();
                  return row.withLatency(
                      new Latency(factor, 1000 / factor, 32, 1, 250, 0.5 * factor));
                })
            .toList();
    List<Example> examples =
        List.of(
            example("shirt", "coat", 0.97, 3, 0xc04010),
            example("shirt", "shirt", 0.81, 1, 0x208060),
            example("coat", "coat", 0.99, 0, 0x3060a0),
            example("coat", "coat", 0.9, 2, 0x707070));
    NetworkDetail detail =
        new NetworkDetail(
                "phi-2",
                Weights.EMA,
                "val",
                4,
                3,
                1,
                0.5,
                Optional.empty(),
                List.of(new ClassResult("coat", 2, 2), new ClassResult("shirt", 2, 1)),
                List.of(new Confusion("shirt", "coat", 1)),
                List.of(
                    new CalibrationBin(0, 0.5, 0, Double.NaN, Double.NaN),
                    new CalibrationBin(0.5, 1, 4, 0.9175, 0.75)))
            .withExamples(examples);
    return new EvaluationReport(
            study.title(), rows, study.curves(), study.provenance(), study.notes())
        .withDetails(List.of(detail), List.of());
  }

  /** A picture of a few pixels in one colour. */
  private static Example example(
      String actual, String guess, double confidence, int image, int rgb) {
    BufferedImage picture = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
    for (int pixel = 0; pixel < 64; pixel++) {
      picture.setRGB(pixel % 8, pixel / 8, rgb);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(picture, "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Example(
        actual,
        guess,
        confidence,
        "val/" + image + ".png",
        "image/png",
        ByteBuffer.wrap(bytes.toByteArray()));
  }

  /** The paper's eight networks (Tan &amp; Le 2019, table 2), as if measured here. */
  static EvaluationReport published() {
    double[] multiplyAdds = {0.39e9, 0.70e9, 1.0e9, 1.8e9, 4.2e9, 9.9e9, 19e9, 37e9};
    double[] parameters = {5.3e6, 7.8e6, 9.2e6, 12e6, 19e6, 30e6, 43e6, 66e6};
    double[] top1 = {0.771, 0.791, 0.801, 0.816, 0.829, 0.836, 0.840, 0.843};
    List<NetworkResult> rows = new ArrayList<>();
    for (int b = 0; b < 8; b++) {
      rows.add(
          new NetworkResult(
              "efficientnet-b" + b,
              new Scaling(b, PhiKind.NOMINAL, 1 + b / 7.0, 1 + 0.3 * b, 224 + 54 * b),
              (long) parameters[b],
              (long) multiplyAdds[b],
              Weights.EMA,
              new Score(
                  50_000, 1000, top1[b], top1[b] + 0.14, 0.9, 0.875, "bicubic", Duration.ZERO),
              new Training(448_408_450L, 350, 0, Duration.ofHours(50), 2489.4),
              URI.create("file:/published/b" + b)));
    }
    return new EvaluationReport("The published table", rows, List.of(), Map.of(), List.of());
  }

  /** Another report with the same networks, each better by so much, on another Java. */
  static EvaluationReport changed(EvaluationReport report, String title, double better) {
    List<NetworkResult> rows = new ArrayList<>();
    for (NetworkResult row : report.rows()) {
      Score score = row.score();
      rows.add(
          new NetworkResult(
              row.name(),
              row.scaling(),
              row.parameters(),
              row.multiplyAdds(),
              row.weights(),
              new Score(
                  score.images(),
                  score.classes(),
                  score.top1() + better,
                  score.top5(),
                  score.loss(),
                  score.cropFraction(),
                  score.interpolation(),
                  score.time()),
              row.training(),
              row.checkpoint()));
    }
    Map<String, String> provenance = new LinkedHashMap<>(report.provenance());
    provenance.put("Java", "21");
    return new EvaluationReport(title, rows, List.of(), provenance, List.of());
  }

  /** Eleven networks, nominal φ and single axes at equal multiply-adds among them, three seeds. */
  static EvaluationReport crowded() {
    List<NetworkResult> rows = new ArrayList<>();
    List<LearningCurve> curves = new ArrayList<>();
    for (int b = 0; b < 8; b++) {
      rows.add(
          crowdedRow(
              "efficientnet-b" + b,
              new Scaling(b, PhiKind.NOMINAL, 1 + b / 7.0, 1 + 0.3 * b, 224 + 54 * b),
              385_814_752L * (1L << b) * 9 / 10,
              0.771 + 0.03 * (1 - Math.exp(-b / 1.5)),
              1));
      List<LearningPoint> points = new ArrayList<>();
      for (int round = 1; round <= 2000; round++) {
        points.add(
            new LearningPoint(
                round,
                round / 5.7,
                25_600L * round,
                1.9 - 0.05 * b + 5 * Math.exp(-round / 300.0) + 0.1 * Math.sin(round * 12.9898),
                0.016,
                1000));
      }
      curves.add(new LearningCurve("efficientnet-b" + b, points));
    }
    String[] axes = {"b0-depth-4", "b0-width-2", "b0-resolution-2"};
    for (int axis = 0; axis < 3; axis++) {
      for (int seed = 1; seed <= 3; seed++) {
        rows.add(
            crowdedRow(
                axes[axis],
                Scaling.withoutPhi(axis == 1 ? 2 : 1, axis == 0 ? 4 : 1, axis == 2 ? 448 : 224),
                1_800_091_280L,
                0.789 - 0.006 * axis + 0.001 * seed,
                seed));
      }
    }
    return new EvaluationReport(
        "Single-axis against compound scaling", rows, curves, Map.of(), List.of());
  }

  static NetworkResult crowdedRow(
      String name, Scaling scaling, long multiplyAdds, double top1, long seed) {
    return new NetworkResult(
        name,
        scaling,
        multiplyAdds / 75,
        multiplyAdds,
        Weights.EMA,
        new Score(50_000, 1000, top1, top1 + 0.16, 0.9, 0.875, "bicubic", Duration.ofMinutes(4)),
        new Training(448_408_450L, 350, seed, Duration.ofMinutes(3007), 2489.4),
        URI.create("s3a://studies/table-7/" + name + "/" + seed));
  }

  /** A network with an awkward name, few classes, no measured top-5 and no φ. */
  static NetworkResult awkward(String name, int classes, double top5) {
    return new NetworkResult(
        name,
        Scaling.withoutPhi(1, 4, 224),
        20_091_856,
        1_575_132_640,
        Weights.RAW,
        new Score(40, classes, 0.5, top5, 1.25, 0.875, "bicubic", Duration.ofMillis(12)),
        new Training(0, 0, 0, Duration.ZERO, Double.NaN),
        URI.create("s3a://bucket/run/checkpoint"));
  }
}
