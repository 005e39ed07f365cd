package io.phiscale.jobs.train;

import io.phiscale.jobs.run.SkippedImages;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What a run left out, in a few lines for its end. */
final class SkippedSummary {
  /** Places that are named; the others are in the run directory. */
  private static final int NAMED = 5;

  private SkippedSummary() {}

  /**
   * The lines; none where nothing was left out.
   *
   * @param skipped all that was left out
   * @param trained images trained on, repeats counted
   * @param listed where all of it is listed
   */
  static List<String> of(List<SkippedImages> skipped, long trained, URI listed) {
    List<String> lines = new ArrayList<>();
    if (skipped.isEmpty()) {
      return lines;
    }
    Map<String, Long> byReason = new TreeMap<>();
    Set<String> places = new HashSet<>();
    long images = 0;
    for (SkippedImages entry : skipped) {
      images += entry.images();
      byReason.merge(entry.reason(), entry.images(), Long::sum);
    }
    StringBuilder counts = new StringBuilder();
    byReason.forEach(
        (reason, count) -> counts.append(String.format(Locale.ROOT, "%s %,d, ", reason, count)));
    lines.add(
        String.format(
            Locale.ROOT,
            "skipped %,d of %,d images, epochs added up (%.2g%%), as they are damaged in the shards:"
                + " %sall in %s",
            images,
            images + trained,
            100.0 * images / (images + trained),
            counts,
            listed));
    int named = 0;
    for (SkippedImages entry : skipped) {
      if (places.add(entry.shard() + " " + entry.rowGroup() + " " + entry.key())) {
        if (named++ < NAMED) {
          lines.add("skipped " + entry.describe());
        }
      }
    }
    if (named > NAMED) {
      lines.add(String.format("skipped images in %s more places", named - NAMED));
    }
    return lines;
  }
}
