package io.phiscale.jobs.study;

import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.StudySection.Axis;
import io.phiscale.jobs.config.StudySection.Search;
import io.phiscale.jobs.report.WilsonInterval;
import io.phiscale.jobs.study.CellOutcome.Finished;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The settings of a study, each a mean over its seeds, compared with the compound network at the
 * same φ, data and budget.
 *
 * @param settings in the order of the plan
 */
public record SettingTable(List<SettingTable.Setting> settings) {
  public SettingTable {
    settings = List.copyOf(settings);
  }

  /**
   * Cells that differ in their seed alone.
   *
   * @param cells at least one
   */
  public record Setting(List<Finished> cells) {
    public Setting {
      cells = List.copyOf(cells);
    }

    /** What they have in common. */
    public StudyCell cell() {
      return cells.get(0).cell();
    }

    /** Top-1 over the seeds. */
    public SeedMean top1() {
      return SeedMean.of(cells.stream().map(cell -> cell.row().score().top1()).toList());
    }

    /**
     * The 95% interval of top-1: over seeds where there are several (within 0..1), else over images
     * (Wilson).
     */
    public WilsonInterval interval() {
      SeedMean mean = top1();
      return mean.seeds() == 1
          ? cells.get(0).row().score().top1Interval()
          : new WilsonInterval(Math.max(0, mean.low()), Math.min(1, mean.high()));
    }

    /** How much better this is than another one: seed by seed, where both have the seed. */
    Optional<SeedMean> over(Setting other) {
      List<Double> differences = new ArrayList<>();
      for (Finished mine : cells) {
        other.cells.stream()
            .filter(theirs -> theirs.cell().seed() == mine.cell().seed())
            .findFirst()
            .ifPresent(
                theirs -> differences.add(mine.row().score().top1() - theirs.row().score().top1()));
      }
      return differences.isEmpty() ? Optional.empty() : Optional.of(SeedMean.of(differences));
    }
  }

  /** Groups what finished. */
  static SettingTable of(List<Finished> finished) {
    Map<String, List<Finished>> groups = new LinkedHashMap<>();
    finished.forEach(
        cell -> groups.computeIfAbsent(cell.cell().setting(), name -> new ArrayList<>()).add(cell));
    return new SettingTable(groups.values().stream().map(Setting::new).toList());
  }

  /** Whether there is anything to compare: several seeds, or several axes. */
  public boolean isComparison() {
    return settings.stream().anyMatch(setting -> setting.cells().size() > 1)
        || settings.stream().map(setting -> setting.cell().axis()).distinct().count() > 1;
  }

  /** The compound network that a setting is compared with. */
  Optional<Setting> compound(Setting setting) {
    return settings.stream()
        .filter(
            other ->
                other.cell().axis() == Axis.COMPOUND
                    && setting.cell().axis() != Axis.COMPOUND
                    && other.cell().phi() == setting.cell().phi()
                    && other.cell().conditions().equals(setting.cell().conditions()))
        .findFirst();
  }

  /** {@code settings.csv}: accuracies in percent. */
  String toCsv() {
    List<List<String>> rows = new ArrayList<>();
    for (Setting setting : settings) {
      StudyCell cell = setting.cell();
      SeedMean top1 = setting.top1();
      Optional<SeedMean> over = compound(setting).flatMap(setting::over);
      rows.add(
          List.of(
              cell.setting(),
              cell.axis().name().toLowerCase(Locale.ROOT),
              CellTable.number(cell.phi()),
              CellTable.number(cell.coefficients().width()),
              CellTable.number(cell.coefficients().depth()),
              Integer.toString(cell.coefficients().resolutionPx()),
              Long.toString(cell.counts().parameters()),
              Long.toString(cell.counts().multiplyAdds()),
              CellTable.fixed(100 * cell.offTarget(), 3),
              CellTable.number(cell.dataFraction()),
              Integer.toString(cell.epochs()),
              Long.toString(cell.images()),
              Integer.toString(top1.seeds()),
              percent(top1.mean(), 3),
              percent(top1.deviation(), 3),
              percent(setting.interval().low(), 3),
              percent(setting.interval().high(), 3),
              top1.seeds() == 1 ? "images" : "seeds",
              over.map(difference -> percent(difference.mean(), 3)).orElse(""),
              over.map(difference -> percent(difference.low(), 3)).orElse(""),
              over.map(difference -> percent(difference.high(), 3)).orElse("")));
    }
    return new TextTable(
            List.of(
                "setting",
                "axis",
                "phi",
                "width",
                "depth",
                "img_size",
                "parameters",
                "macs",
                "off_target_percent",
                "data_fraction",
                "epochs",
                "images",
                "seeds",
                "top1_mean",
                "top1_sd",
                "top1_low",
                "top1_high",
                "interval_over",
                "over_compound",
                "over_compound_low",
                "over_compound_high"),
            rows)
        .csv();
  }

  /** The same for people, as Markdown. */
  String toMarkdown() {
    return forReaders().markdown() + "\n" + legend() + "\n";
  }

  /** The same for a terminal. */
  public String toText() {
    return forReaders().aligned() + System.lineSeparator() + legend();
  }

  private String legend() {
    return "95% intervals: over seeds (Student's t) where there are several, else over images"
        + " (Wilson). Against compound: difference of top-1 in points at the same phi, seed by seed;"
        + " off: mult-adds against the compound network's.";
  }

  private TextTable forReaders() {
    List<List<String>> rows = new ArrayList<>();
    for (Setting setting : settings) {
      StudyCell cell = setting.cell();
      SeedMean top1 = setting.top1();
      rows.add(
          List.of(
              cell.setting(),
              CellTable.fixed(cell.coefficients().width(), 2),
              CellTable.fixed(cell.coefficients().depth(), 2),
              Integer.toString(cell.coefficients().resolutionPx()),
              CellTable.si(cell.counts().parameters()),
              CellTable.si(cell.counts().multiplyAdds()),
              String.format(Locale.ROOT, "%+.1f%%", 100 * cell.offTarget()),
              Integer.toString(top1.seeds()),
              percent(top1.mean(), 2),
              percent(setting.interval().low(), 1) + ".." + percent(setting.interval().high(), 1),
              compound(setting).flatMap(setting::over).map(SettingTable::signed).orElse("")));
    }
    return new TextTable(
        List.of(
            "setting",
            "width",
            "depth",
            "px",
            "params",
            "mult-adds",
            "off",
            "seeds",
            "top-1 %",
            "95% interval",
            "against compound"),
        rows);
  }

  private static String signed(SeedMean difference) {
    String mean = String.format(Locale.ROOT, "%+.2f", 100 * difference.mean());
    return difference.seeds() == 1
        ? mean
        : String.format(
            Locale.ROOT,
            "%s (%+.1f..%+.1f)",
            mean,
            100 * difference.low(),
            100 * difference.high());
  }

  /**
   * The settings by mean top-1, the best first; of equal ones the cheapest. Of several budgets (or
   * data fractions) the last one of the plan decides, then the one before.
   */
  List<Setting> ranking() {
    List<String> conditions =
        settings.stream().map(setting -> setting.cell().conditions()).distinct().toList();
    return settings.stream()
        .sorted(
            Comparator.comparingInt(
                    (Setting setting) -> -conditions.indexOf(setting.cell().conditions()))
                .thenComparingDouble(setting -> -setting.top1().mean())
                .thenComparing(setting -> setting.cell().counts().multiplyAdds()))
        .toList();
  }

  /** The constants of the best share of the settings, at least one. */
  Set<NetworkSection.Coefficients> best(double share) {
    return ranking().stream()
        .limit((long) Math.ceil(share * settings.size()))
        .map(setting -> setting.cell().constants())
        .collect(Collectors.toSet());
  }

  /** {@code ranking.csv} of a grid search: constants, the best first; accuracies in percent. */
  String rankingCsv() {
    return ranks(false).csv();
  }

  /** The same for a terminal. */
  public String rankingText() {
    return ranks(true).aligned();
  }

  private TextTable ranks(boolean shown) {
    int decimals = shown ? 2 : 3;
    List<Setting> ranking = ranking();
    List<List<String>> rows = new ArrayList<>();
    for (int i = 0; i < ranking.size(); i++) {
      Setting setting = ranking.get(i);
      StudyCell cell = setting.cell();
      Setting best = ranking.get(0);
      boolean comparable = i > 0 && cell.conditions().equals(best.cell().conditions());
      Optional<SeedMean> behind = comparable ? setting.over(best) : Optional.empty();
      rows.add(
          List.of(
              Integer.toString(i + 1),
              CellTable.number(cell.constants().alpha()),
              CellTable.number(cell.constants().beta()),
              CellTable.number(cell.constants().gamma()),
              CellTable.fixed(Search.growth(cell.constants()), 4),
              shown ? CellTable.si(cell.images()) : Long.toString(cell.images()),
              shown
                  ? CellTable.si(cell.counts().multiplyAdds())
                  : Long.toString(cell.counts().multiplyAdds()),
              shown
                  ? CellTable.si(cell.counts().parameters())
                  : Long.toString(cell.counts().parameters()),
              Integer.toString(setting.top1().seeds()),
              percent(setting.top1().mean(), decimals),
              percent(setting.interval().low(), decimals),
              percent(setting.interval().high(), decimals),
              behind.map(difference -> percent(difference.mean(), decimals)).orElse(""),
              behind.map(difference -> percent(difference.low(), decimals)).orElse(""),
              behind.map(difference -> percent(difference.high(), decimals)).orElse("")));
    }
    return new TextTable(
        List.of(
            "rank",
            "alpha",
            "beta",
            "gamma",
            "product",
            "images",
            "macs",
            "parameters",
            "seeds",
            "top1_mean",
            "top1_low",
            "top1_high",
            "to_best",
            "to_best_low",
            "to_best_high"),
        rows);
  }

  /** {@code scaling.conf}: the best constants, to be included by a study's file. */
  String scalingConf(String study) {
    List<Setting> ranking = ranking();
    Setting best = ranking.get(0);
    NetworkSection.Coefficients constants = best.cell().constants();
    long open =
        ranking.stream()
            .skip(1)
            .filter(other -> other.cell().conditions().equals(best.cell().conditions()))
            .filter(other -> !other.over(best).map(SeedMean::isSettled).orElse(false))
            .count();
    return String.format(
        Locale.ROOT,
        "# Constants of compound scaling: the best of %s in ranking.csv of study %s,%n"
            + "# top-1 %s%% at phi = %s, 95%% interval %s to %s over %s.%n"
            + "# %s of the others cannot be told from it at this many seeds.%n"
            + "# In a study's file: include file(\"FOLDER/scaling.conf\")%n"
            + "network.scaling { alpha = %s, beta = %s, gamma = %s }%n",
        ranking.size(),
        study,
        percent(best.top1().mean(), 2),
        CellTable.number(best.cell().phi()),
        percent(best.interval().low(), 2),
        percent(best.interval().high(), 2),
        best.top1().seeds() == 1 ? "images" : best.top1().seeds() + " seeds",
        open,
        CellTable.number(constants.alpha()),
        CellTable.number(constants.beta()),
        CellTable.number(constants.gamma()));
  }

  private static String percent(double fraction, int decimals) {
    return CellTable.fixed(100 * fraction, decimals);
  }
}
