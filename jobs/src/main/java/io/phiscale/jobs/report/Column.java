package io.phiscale.jobs.report;

import io.phiscale.jobs.report.NetworkResult.Scaling;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * One column of the φ table. The exact text goes into the CSV and into the page's data attributes,
 * the shown text into every table that people read, so that all forms tell the same values.
 *
 * @param name the CSV's name for it; timm's where timm has one
 * @param heading what tables print above it
 * @param explanation one line on what it means
 * @param exact the value for machines, empty where undefined
 * @param shown the value for readers
 */
record Column(
    String name,
    String heading,
    String explanation,
    Function<NetworkResult, String> exact,
    Function<NetworkResult, String> shown) {

  /** Stands for a value that is not defined in tables for readers. */
  static final String UNDEFINED = "–";

  /** Marks a φ that is a label only. */
  static final String NOMINAL_MARK = "*";

  private static final Set<String> WORDS =
      Set.of("model", "axis", "weights", "interpolation", "phi_kind", "checkpoint");

  static final Column MODEL = plain("model", "network", "Name of the network", NetworkResult::name);

  static final Column AXIS =
      new Column(
          "axis",
          "axis",
          "What the study varied: depth, width and resolution together (compound), one of them alone"
              + " at the multiply-adds of the compound network, or the constants of compound scaling"
              + " (search)",
          row -> row.axis().map(StudyAxis::label).orElse(""),
          row -> row.axis().map(StudyAxis::label).orElse(UNDEFINED));

  static final Column TOP1 =
      new Column(
          "top1",
          "top-1 %",
          "Share of images whose label is the first guess",
          row -> Figures.percent(row.score().top1(), 3),
          row -> Figures.percent(row.score().top1(), 2));

  static final Column TOP1_ERROR =
      plain(
          "top1_err",
          "top-1 error %",
          "100 − top-1",
          row -> Figures.percent(1 - row.score().top1(), 3));

  static final Column TOP1_LOW =
      plain(
          "top1_low",
          "from",
          "Lower end of the 95% Wilson interval of top-1",
          row -> Figures.percent(row.score().top1Interval().low(), 3));

  static final Column TOP1_HIGH =
      plain(
          "top1_high",
          "to",
          "Upper end of the 95% Wilson interval of top-1",
          row -> Figures.percent(row.score().top1Interval().high(), 3));

  static final Column INTERVAL =
      new Column(
          "top1_low",
          "95% interval",
          "95% Wilson interval of top-1: the chance in which images were evaluated",
          TOP1_LOW.exact,
          row -> {
            WilsonInterval interval = row.score().top1Interval();
            return Figures.percent(interval.low(), 1) + "–" + Figures.percent(interval.high(), 1);
          });

  static final Column TOP1_WITH_INTERVAL =
      new Column(
          "top1",
          "top-1 %",
          "Share of images whose label is the first guess, and its 95% Wilson interval",
          TOP1.exact,
          row -> TOP1.shown.apply(row) + " (" + INTERVAL.shown.apply(row) + ")");

  static final Column TOP5 =
      new Column(
          "top5",
          "top-5 %",
          "Share of images whose label is among the first k guesses; k is 5, or the number of"
              + " classes where there are fewer",
          row -> Figures.percent(row.score().top5(), 3),
          row -> {
            double top5 = row.score().top5();
            return Double.isNaN(top5)
                ? UNDEFINED
                : Figures.percent(top5, 2)
                    + (row.score().k() < 5 ? " (k=" + row.score().k() + ")" : "");
          });

  static final Column TOP5_ERROR =
      plain(
          "top5_err",
          "top-5 error %",
          "100 − top-5",
          row -> Figures.percent(1 - row.score().top5(), 3));

  static final Column PARAMETERS_MILLIONS =
      plain(
          "param_count",
          "parameters, M",
          "Trainable parameters in millions",
          row -> Figures.fixed(row.parameters() / 1e6, 2));

  static final Column PARAMETERS =
      new Column(
          "parameters",
          "params",
          "Trainable parameters",
          row -> Long.toString(row.parameters()),
          row -> Figures.si(row.parameters()));

  static final Column MULTIPLY_ADDS =
      new Column(
          "macs",
          "mult-adds",
          "Multiply-adds of one forward pass of one image (one multiply-add = 1)",
          row -> Long.toString(row.multiplyAdds()),
          row -> Figures.si(row.multiplyAdds()));

  static final Column RESOLUTION =
      plain(
          "img_size",
          "px",
          "Side of the square input in pixels",
          row -> Integer.toString(row.scaling().resolutionPx()));

  static final Column CROP =
      plain(
          "crop_pct",
          "crop",
          "Fraction of the resized side that the centre crop keeps",
          row -> Figures.number(row.score().cropFraction(), 4));

  static final Column INTERPOLATION =
      plain(
          "interpolation",
          "interpolation",
          "How evaluation images are resized",
          row -> row.score().interpolation());

  static final Column PHI =
      new Column(
          "phi",
          "φ",
          "Compound coefficient; a nominal one is the label of a published B-network, whose"
              + " coefficients are not α^φ",
          row -> Figures.number(row.scaling().phi(), 6),
          row -> {
            Scaling scaling = row.scaling();
            return switch (scaling.phiKind()) {
              case NONE -> UNDEFINED;
              case COMPOUND -> Figures.number(scaling.phi(), 3);
              case NOMINAL -> Figures.number(scaling.phi(), 3) + NOMINAL_MARK;
            };
          });

  static final Column PHI_KIND =
      plain("phi_kind", "φ kind", "compound, nominal or none", r -> r.scaling().phiKind().label());

  static final Column WIDTH =
      new Column(
          "width",
          "width",
          "Channel multiplier",
          row -> Figures.number(row.scaling().width(), 6),
          row -> Figures.fixed(row.scaling().width(), 2));

  static final Column DEPTH =
      new Column(
          "depth",
          "depth",
          "Layer multiplier",
          row -> Figures.number(row.scaling().depth(), 6),
          row -> Figures.fixed(row.scaling().depth(), 2));

  static final Column WEIGHTS =
      plain(
          "weights",
          "weights",
          "raw: as the last round left them; EMA: their exponential moving average",
          row -> row.weights().label());

  static final Column IMAGES =
      new Column(
          "images",
          "images",
          "Evaluated images",
          row -> Long.toString(row.score().images()),
          row -> Figures.grouped(row.score().images()));

  static final Column CLASSES =
      plain("classes", "classes", "Classes", row -> Integer.toString(row.score().classes()));

  static final Column LOSS =
      new Column(
          "loss",
          "loss",
          "Mean cross-entropy over the evaluated images, in nats",
          row -> Figures.number(row.score().loss(), 6),
          row -> Figures.fixed(row.score().loss(), 3));

  static final Column TRAIN_IMAGES =
      new Column(
          "train_images",
          "trained on",
          "Images seen in training, repeats counted",
          row -> Long.toString(row.training().images()),
          row -> Figures.si(row.training().images()));

  static final Column EPOCHS =
      new Column(
          "epochs",
          "epochs",
          "Passes over the training set",
          row -> Figures.number(row.training().epochs(), 6),
          row -> Figures.number(row.training().epochs(), 2));

  static final Column SEED =
      plain("seed", "seed", "Run seed", row -> Long.toString(row.training().seed()));

  static final Column TRAIN_TIME =
      new Column(
          "train_seconds",
          "training",
          "Wall time of training",
          row -> Figures.seconds(row.training().time()),
          row -> Figures.time(row.training().time()));

  static final Column EVALUATION_TIME =
      new Column(
          "eval_seconds",
          "evaluation",
          "Wall time of the evaluation",
          row -> Figures.seconds(row.score().time()),
          row -> Figures.time(row.score().time()));

  static final Column TRAIN_RATE =
      new Column(
          "train_images_per_second",
          "images/s",
          "Images per second in training, over all workers",
          row -> Figures.number(row.training().imagesPerSecond(), 3),
          row -> {
            double rate = row.training().imagesPerSecond();
            return Double.isNaN(rate) ? UNDEFINED : Figures.rate(rate);
          });

  static final Column LATENCY =
      measured(
          "latency_ms",
          "1 image, ms",
          "Median time of one image alone",
          latency -> Figures.number(latency.singleMillis(), 4),
          latency -> Figures.fixed(latency.singleMillis(), 2));

  static final Column THROUGHPUT =
      measured(
          "inference_images_per_second",
          "inference/s",
          "Images per second of a batch, by its median time",
          latency -> Figures.number(latency.imagesPerSecond(), 3),
          latency -> Figures.rate(latency.imagesPerSecond()));

  static final Column MEMORY =
      measured(
          "native_mib",
          "native MiB",
          "Native memory of the network alone for that batch, counted: parameters, images, feature"
              + " maps, scratch of the kernels; without Java and the libraries",
          latency -> Figures.number(latency.nativeMebibytes(), 2),
          latency -> Figures.number(latency.nativeMebibytes(), 1));

  static final Column COST =
      measured(
          "cost_per_million",
          "cost/million",
          "Cost of a million images at that rate, by evaluate.latency.price-per-hour",
          latency -> Figures.number(latency.costPerMillion(), 6),
          latency -> Figures.number(latency.costPerMillion(), 4));

  static final Column CHECKPOINT =
      plain(
          "checkpoint",
          "checkpoint",
          "Where the evaluated parameters lie",
          row -> row.checkpoint().toString());

  /** The CSV's columns: timm's nine first, in timm's order; of a study also {@link #AXIS}. */
  static final List<Column> CSV =
      List.of(
          MODEL,
          TOP1,
          TOP1_ERROR,
          TOP5,
          TOP5_ERROR,
          PARAMETERS_MILLIONS,
          RESOLUTION,
          CROP,
          INTERPOLATION,
          PHI,
          PHI_KIND,
          WIDTH,
          DEPTH,
          PARAMETERS,
          MULTIPLY_ADDS,
          WEIGHTS,
          IMAGES,
          CLASSES,
          TOP1_LOW,
          TOP1_HIGH,
          LOSS,
          TRAIN_IMAGES,
          EPOCHS,
          SEED,
          TRAIN_TIME,
          EVALUATION_TIME,
          TRAIN_RATE,
          LATENCY,
          THROUGHPUT,
          MEMORY,
          COST,
          CHECKPOINT);

  /** Those that a table of before latency was measured lacks. */
  static final List<Column> MEASURED = List.of(LATENCY, THROUGHPUT, MEMORY, COST);

  /** The columns of the tables for readers that have room. */
  static final List<Column> READERS =
      List.of(
          MODEL,
          PHI,
          WIDTH,
          DEPTH,
          RESOLUTION,
          PARAMETERS,
          MULTIPLY_ADDS,
          WEIGHTS,
          TOP1,
          INTERVAL,
          TOP5,
          LOSS,
          IMAGES,
          EPOCHS,
          SEED,
          TRAIN_RATE,
          TRAIN_TIME,
          EVALUATION_TIME);

  /** The columns that a terminal has room for. */
  static final List<Column> CONSOLE =
      List.of(
          MODEL,
          PHI,
          WIDTH,
          DEPTH,
          RESOLUTION,
          PARAMETERS,
          MULTIPLY_ADDS,
          WEIGHTS,
          IMAGES,
          TOP1,
          INTERVAL,
          TOP5,
          LOSS,
          TRAIN_TIME);

  /** {@link #CSV}, and {@link #AXIS} before the checkpoint where a row is of a study. */
  static List<Column> csv(EvaluationReport report) {
    List<Column> all = new ArrayList<>(CSV);
    if (isStudy(report)) {
      all.add(all.indexOf(CHECKPOINT), AXIS);
    }
    return List.copyOf(all);
  }

  private static boolean isStudy(EvaluationReport report) {
    return report.rows().stream().anyMatch(row -> row.axis().isPresent());
  }

  /**
   * {@link #READERS}, {@link #AXIS} where a row is of a study, and of {@link #MEASURED} those that
   * a row has.
   */
  static List<Column> readers(EvaluationReport report) {
    List<Column> all = new ArrayList<>(READERS);
    if (isStudy(report)) {
      all.add(all.indexOf(PHI), AXIS);
    }
    all.addAll(measuredColumns(report));
    return List.copyOf(all);
  }

  private static List<Column> measuredColumns(EvaluationReport report) {
    return MEASURED.stream()
        .filter(
            column -> report.rows().stream().anyMatch(row -> !column.exact.apply(row).isEmpty()))
        .toList();
  }

  /**
   * For papers and READMEs: {@link #WEIGHTS} only where there are both kinds, {@link #AXIS} and φ
   * only where there is one, of {@link #MEASURED} those that a row has.
   */
  static List<Column> paper(EvaluationReport report) {
    List<Column> columns = new ArrayList<>(List.of(MODEL));
    if (isStudy(report)) {
      columns.add(AXIS);
    }
    if (report.rows().stream().anyMatch(row -> row.scaling().phiKind() != PhiKind.NONE)) {
      columns.add(PHI);
    }
    columns.addAll(List.of(RESOLUTION, PARAMETERS, MULTIPLY_ADDS));
    if (report.rows().stream().map(NetworkResult::weights).distinct().count() > 1) {
      columns.add(WEIGHTS);
    }
    columns.addAll(List.of(TOP1_WITH_INTERVAL, TOP5));
    columns.addAll(measuredColumns(report));
    return List.copyOf(columns);
  }

  private static Column measured(
      String name,
      String heading,
      String explanation,
      Function<Latency, String> exact,
      Function<Latency, String> shown) {
    return new Column(
        name,
        heading,
        explanation,
        row -> row.latency().map(exact).orElse(""),
        row -> row.latency().map(shown).filter(text -> !text.isEmpty()).orElse(UNDEFINED));
  }

  private static Column plain(
      String name, String heading, String explanation, Function<NetworkResult, String> text) {
    return new Column(name, heading, explanation, text, text);
  }

  /** Whether the column holds words, which align left, and not numbers. */
  boolean isText() {
    return WORDS.contains(name);
  }
}
