package io.phiscale.jobs.study;

import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.study.CellOutcome.Failed;
import io.phiscale.jobs.study.CellOutcome.Finished;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/** The cells of a study as tables: what became of them, and what they would cost. */
public final class CellTable {
  private static final double SECONDS_PER_HOUR = 3600;

  private CellTable() {}

  /**
   * {@code cells.csv}: one row for each cell. Percentages of top-1 and of what multiply-adds miss
   * those of the compound network by; FLOPs of the whole training; seconds of overhead are those of
   * the last start.
   */
  static String csv(List<CellOutcome> outcomes) {
    List<List<String>> rows = new ArrayList<>();
    for (CellOutcome outcome : outcomes) {
      StudyCell cell = outcome.cell();
      Optional<NetworkResult> row =
          outcome instanceof Finished finished ? Optional.of(finished.row()) : Optional.empty();
      rows.add(
          List.of(
              cell.name(),
              cell.setting(),
              cell.axis().name().toLowerCase(Locale.ROOT),
              number(cell.phi()),
              number(cell.constants().alpha()),
              number(cell.constants().beta()),
              number(cell.constants().gamma()),
              number(cell.coefficients().width()),
              number(cell.coefficients().depth()),
              Integer.toString(cell.coefficients().resolutionPx()),
              Long.toString(cell.counts().parameters()),
              Long.toString(cell.counts().multiplyAdds()),
              Long.toString(cell.targetMultiplyAdds()),
              fixed(100 * cell.offTarget(), 3),
              Long.toString(cell.seed()),
              number(cell.dataFraction()),
              Integer.toString(cell.epochs()),
              Long.toString(cell.images()),
              String.format(Locale.ROOT, "%.6e", cell.flops()),
              state(outcome),
              row.map(result -> fixed(100 * result.score().top1(), 3)).orElse(""),
              row.map(result -> fixed(result.score().loss(), 6)).orElse(""),
              row.map(result -> fixed(result.training().time().toMillis() / 1e3, 1)).orElse(""),
              outcome instanceof Finished finished
                  ? fixed(finished.overhead().toMillis() / 1e3, 2)
                  : "",
              outcome instanceof Failed failed ? String.valueOf(failed.cause().getMessage()) : ""));
    }
    return new TextTable(
            List.of(
                "cell",
                "setting",
                "axis",
                "phi",
                "alpha",
                "beta",
                "gamma",
                "width",
                "depth",
                "img_size",
                "parameters",
                "macs",
                "target_macs",
                "off_target_percent",
                "seed",
                "data_fraction",
                "epochs",
                "images",
                "flops",
                "state",
                "top1",
                "loss",
                "train_seconds",
                "overhead_seconds",
                "error"),
            rows)
        .csv();
  }

  /**
   * What a study would cost, for a terminal: the cells in the order in which they would run, what
   * there is of them, and what the missing ones take.
   */
  public static String forecast(StudyJob.Forecast forecast) {
    List<StudyCell> cells = forecast.plan().cells();
    List<Integer> order =
        IntStream.range(0, cells.size())
            .boxed()
            .sorted(Comparator.comparingDouble(i -> cells.get(i).flops()))
            .toList();
    List<List<String>> rows = new ArrayList<>();
    double hours = 0;
    double flops = 0;
    long images = 0;
    int missing = 0;
    for (int i : order) {
      StudyCell cell = cells.get(i);
      double whole = forecast.calibration().seconds(cell) / SECONDS_PER_HOUR;
      double share = left(forecast.states().get(i), cell);
      missing += share > 0 ? 1 : 0;
      hours += share * whole;
      flops += share * cell.flops();
      images += Math.round(share * cell.images());
      rows.add(
          List.of(
              cell.name(),
              fixed(cell.coefficients().width(), 2),
              fixed(cell.coefficients().depth(), 2),
              Integer.toString(cell.coefficients().resolutionPx()),
              si(cell.counts().parameters()),
              si(cell.counts().multiplyAdds()),
              String.format(Locale.ROOT, "%+.1f%%", 100 * cell.offTarget()),
              Integer.toString(cell.epochs()),
              si(cell.images()),
              String.format(Locale.ROOT, "%.2e", cell.flops()),
              fixed(whole, 3),
              words(forecast.states().get(i))));
    }
    StringBuilder text =
        new StringBuilder(
            new TextTable(
                    List.of(
                        "cell",
                        "width",
                        "depth",
                        "px",
                        "params",
                        "mult-adds",
                        "off",
                        "epochs",
                        "images",
                        "FLOPs",
                        "hours",
                        "state"),
                    rows)
                .aligned());
    text.append(
        String.format(
            Locale.ROOT,
            "%n%n%s of %s cells to train: %s images, %.3g FLOPs, about %s hours of training%s.%n",
            missing,
            cells.size(),
            si(images),
            flops,
            fixed(hours, hours < 10 ? 2 : 0),
            forecast.concurrent() > 1
                ? String.format(
                    ", with %s cells at a time %s",
                    forecast.concurrent(), fixed(hours / forecast.concurrent(), hours < 10 ? 2 : 0))
                : ""));
    text.append(
        String.format(
            "Hours by training steps of the smallest network and of the largest of each axis, measured"
                + " now, in between%nby mult-adds; averaging, checkpoints and evaluation come on"
                + " top:%n"));
    for (StudyCalibration.Timed timed : forecast.calibration().timed()) {
      text.append(
          String.format(
              Locale.ROOT,
              "  %s: %.1f images/s (%s timed)%n",
              timed.cell().setting(),
              timed.steps().imagesPerSecond(),
              timed.steps().steps() == 1 ? "1 step" : timed.steps().steps() + " steps"));
    }
    int fixed = forecast.plan().base().network().resolutionPx();
    if (fixed != 0) {
      text.append(
          String.format(
              "network.resolution = %s is set: phi scales depth and width alone here.%n", fixed));
    }
    if (forecast.plan().base().study().search().keep() < 1) {
      text.append(
          String.format(
              "All of this is an upper bound: study.search.keep = %s leaves out cells on the way.%n",
              number(forecast.plan().base().study().search().keep())));
    }
    text.append(
        "off: mult-adds against those of the compound network at the same phi. FLOPs: 6 * mult-adds"
            + " * images.");
    return text.toString();
  }

  private static String state(CellOutcome outcome) {
    if (outcome instanceof Finished) {
      return "done";
    }
    return outcome instanceof Failed ? "failed" : "dropped";
  }

  /** Share of a cell's training that is still to be done. */
  private static double left(CellState state, StudyCell cell) {
    if (state instanceof CellState.Begun begun) {
      return 1 - (double) begun.epochs() / cell.epochs();
    }
    return state instanceof CellState.Done ? 0 : 1;
  }

  private static String words(CellState state) {
    if (state instanceof CellState.Begun begun) {
      return begun.epochs() + " epochs";
    }
    return state instanceof CellState.Done ? "done" : "missing";
  }

  static String number(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  /** Empty where it is not a number. */
  static String fixed(double value, int decimals) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Three digits and a unit: 5.29 M. */
  static String si(long value) {
    String[] units = {"", " k", " M", " G", " T"};
    int unit = 0;
    double scaled = (double) value;
    while (scaled >= 999.5 && unit < units.length - 1) {
      scaled /= 1000;
      unit++;
    }
    int decimals = unit == 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
    return fixed(scaled, decimals) + units[unit];
  }
}
