package io.phiscale.jobs.report;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The sentences below the φ table: what the report itself must say, then the caller's notes. */
final class Remarks {
  static final String NOMINAL =
      Column.NOMINAL_MARK
          + " nominal φ: the coefficients are the published, hand-rounded ones, not α^φ.";

  private Remarks() {}

  static List<String> of(EvaluationReport report) {
    List<String> remarks = new ArrayList<>();
    if (report.rows().stream().anyMatch(row -> row.scaling().phiKind() == PhiKind.NOMINAL)) {
      remarks.add(NOMINAL);
    }
    TreeSet<Integer> few =
        report.rows().stream()
            .filter(row -> row.score().classes() < 6 && !Double.isNaN(row.score().top5()))
            .map(row -> row.score().classes())
            .collect(Collectors.toCollection(TreeSet::new));
    for (int classes : few) {
      remarks.add(
          String.format(
              "With %d classes top-5 is top-%d, which is always 100%%: it tells nothing.",
              classes, classes));
    }
    remarks.addAll(report.notes());
    return remarks;
  }
}
