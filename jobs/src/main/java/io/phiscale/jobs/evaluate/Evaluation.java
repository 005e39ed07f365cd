package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.report.Difference;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.report.Reference;
import io.phiscale.jobs.report.StudyAxis;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What an evaluation found.
 *
 * @param rows one for each checkpoint and kind of weights, on the first set of images
 * @param details what lies behind them, and behind those of the other sets
 * @param answers of each row, in the rows' order
 */
public record Evaluation(
    List<NetworkResult> rows, List<NetworkDetail> details, List<Answers> answers) {
  private static final long SEED = 0;
  private static final int IMAGENET_CLASSES = 1000;
  private static final Pattern WORDNET_ID = Pattern.compile("n\\d{8}");

  public Evaluation {
    rows = List.copyOf(rows);
    details = List.copyOf(details);
    answers = List.copyOf(answers);
    if (rows.size() != answers.size()) {
      throw new IllegalArgumentException(
          String.format("Invalid evaluation: %s rows, %s answers", rows.size(), answers.size()));
    }
  }

  /** All of several evaluations, in order. */
  public static Evaluation of(List<Evaluation> parts) {
    return new Evaluation(
        parts.stream().flatMap(part -> part.rows().stream()).toList(),
        parts.stream().flatMap(part -> part.details().stream()).toList(),
        parts.stream().flatMap(part -> part.answers().stream()).toList());
  }

  /** The same, of networks that a study got by varying this. */
  public Evaluation withAxis(StudyAxis axis) {
    return new Evaluation(rows.stream().map(row -> row.withAxis(axis)).toList(), details, answers);
  }

  /** How much better the row with the highest top-1 is than each other one, on the same images. */
  public List<Difference> differences() {
    int best = 0;
    for (int i = 1; i < rows.size(); i++) {
      if (rows.get(i).score().top1() > rows.get(best).score().top1()) {
        best = i;
      }
    }
    List<Difference> differences = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      if (i != best) {
        answers
            .get(best)
            .over(label(best), answers.get(i), label(i), SEED)
            .ifPresent(differences::add);
      }
    }
    return differences;
  }

  /**
   * Which published results may stand beside the rows.
   *
   * @param asked by {@code evaluate.report.published}
   */
  public Reference reference(EvaluateSection.Published asked) {
    return switch (asked) {
      case SHOW -> Reference.IMAGENET;
      case HIDE -> Reference.NONE;
      case AUTO -> isImageNet() ? Reference.IMAGENET : Reference.NONE;
    };
  }

  /** Whether the networks choose among 1,000 classes that are named by WordNet ids. */
  private boolean isImageNet() {
    return !details.isEmpty()
        && rows.stream().allMatch(row -> row.score().classes() == IMAGENET_CLASSES)
        && details.stream()
            .flatMap(detail -> detail.classes().stream())
            .allMatch(result -> WORDNET_ID.matcher(result.name()).matches());
  }

  private String label(int row) {
    return rows.get(row).name() + " (" + rows.get(row).weights().label() + ")";
  }
}
