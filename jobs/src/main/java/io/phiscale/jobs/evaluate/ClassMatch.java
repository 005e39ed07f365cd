package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How the labels of a data set are classes of a network.
 *
 * @param classOfLabel the network's class, by label of the data set
 * @param among the network's classes that may be guessed, ascending
 */
record ClassMatch(List<Integer> classOfLabel, List<Integer> among) implements Serializable {
  private static final int SHOWN = 3;

  ClassMatch {
    classOfLabel = List.copyOf(classOfLabel);
    among = List.copyOf(among);
  }

  /** The same classes in the same order. */
  static ClassMatch same(int classes) {
    List<Integer> all = IntStream.range(0, classes).boxed().toList();
    return new ClassMatch(all, all);
  }

  /**
   * Matches classes by name.
   *
   * @param network names of the network's classes in order
   * @param data names of the data set's
   * @param asked how they must match
   * @param checkpoint for the message
   * @param dataSet for the message
   * @throws ConfigurationException if they do not match as asked
   */
  static ClassMatch of(
      List<String> network,
      List<String> data,
      EvaluateSection.ClassMatch asked,
      String checkpoint,
      String dataSet) {
    if (network.equals(data)) {
      return same(network.size());
    }
    Map<String, Integer> index = new HashMap<>();
    for (int c = 0; c < network.size(); c++) {
      index.put(network.get(c), c);
    }
    List<String> unknown = data.stream().filter(name -> !index.containsKey(name)).toList();
    if (asked == EvaluateSection.ClassMatch.EXACT || !unknown.isEmpty()) {
      throw new ConfigurationException(
          String.format(
              "The checkpoint %s was trained on %s classes (%s, ...), the data set %s has %s (%s,"
                  + " ...): %s",
              checkpoint,
              network.size(),
              network.get(0),
              dataSet,
              data.size(),
              data.get(0),
              unknown.isEmpty()
                  ? data.size() == network.size()
                      ? "the same ones in another order; set evaluate.class-match = subset to match"
                          + " them by name"
                      : "all are among the network's; set evaluate.class-match = subset or"
                          + " restricted to evaluate on them, or evaluate on the data set it was"
                          + " trained on"
                  : String.format(
                      "the network does not know %s of them (%s%s); evaluate on the data set it was"
                          + " trained on",
                      unknown.size(),
                      String.join(", ", unknown.subList(0, Math.min(SHOWN, unknown.size()))),
                      unknown.size() > SHOWN ? ", ..." : "")));
    }
    List<Integer> classOfLabel = new ArrayList<>();
    data.forEach(name -> classOfLabel.add(index.get(name)));
    return new ClassMatch(
        classOfLabel,
        asked == EvaluateSection.ClassMatch.RESTRICTED
            ? classOfLabel.stream().sorted().toList()
            : same(network.size()).among());
  }
}
