package io.phiscale.jobs.report;

import io.phiscale.jobs.law.Budget;
import io.phiscale.jobs.law.LawAnalysis;
import java.util.List;

/** Laws and budgets as lines for a terminal. */
public final class BudgetWords {
  private BudgetWords() {}

  /** All laws of a table, and what each is based on. */
  public static List<String> laws(LawAnalysis analysis) {
    StringBuilder lines = new StringBuilder();
    for (List<String> law : LawWords.all(analysis)) {
      law.forEach(line -> lines.append(line).append('\n'));
    }
    lines.append(LawWords.frontier(analysis));
    return lines.toString().lines().map(ConsoleTable::ascii).map(ConsoleTable::wrapped).toList();
  }

  /** What a budget buys. */
  public static String of(Budget budget, Budget.Answer answer) {
    String text;
    if (answer instanceof Budget.Optimal optimal) {
      text =
          String.format(
              "Compute-optimal for %.4g FLOPs: %s%s (%s multiply-adds) trained on %s images; expected"
                  + " error %s%% (95%% interval %s-%s%%).",
              budget.flops(),
              optimal.optimum().candidate().name(),
              phi(optimal.phi()),
              Figures.si(Math.round(optimal.optimum().candidate().multiplyAdds())),
              Figures.si(Math.round(optimal.optimum().images())),
              Figures.percent(optimal.optimum().error(), 2),
              Figures.percent(optimal.optimum().interval().low(), 2),
              Figures.percent(optimal.optimum().interval().high(), 2));
    } else {
      Budget.OneAmount one = (Budget.OneAmount) answer;
      text =
          String.format(
              "With %.4g FLOPs and the %s images that every network of this table saw, a network of"
                  + " %s multiply-adds%s can be trained; expected error %s%% (95%% interval %s-%s%%)."
                  + " Whether a smaller one on more images would be better this table cannot say: that"
                  + " takes at least 3 sizes and 3 amounts of images.",
              budget.flops(),
              Figures.si(Math.round(one.images())),
              Figures.si(Math.round(one.multiplyAdds())),
              phi(one.phi()),
              Figures.percent(one.error(), 2),
              Figures.percent(one.interval().low(), 2),
              Figures.percent(one.interval().high(), 2));
    }
    return ConsoleTable.wrapped(ConsoleTable.ascii(text));
  }

  private static String phi(double phi) {
    return Double.isNaN(phi) ? "" : ", φ = " + Figures.number(phi, 2);
  }
}
