package io.phiscale.jobs.dataset;

import io.phiscale.pipeline.shard.ImageStatistics;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A manifest as text for a terminal. */
public final class DatasetTable {
  private DatasetTable() {}

  /**
   * Splits, rejects and classes.
   *
   * @param classes how many classes are listed, the others are summed up; &gt;= 0
   */
  public static String of(ShardManifest manifest, int classes) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%s%s: %,d classes, seed %d, made by %s%ncontent %s%n%n",
            manifest.name(),
            manifest.version() == 1 ? "" : ", version " + manifest.version(),
            manifest.labels().size(),
            manifest.seed(),
            manifest.createdBy(),
            manifest.contentDigest()));
    text.append(
        String.format("%-10s %12s %7s %11s %9s%n", "split", "images", "files", "MiB", "rejected"));
    List<String> sources = new ArrayList<>();
    manifest
        .splits()
        .forEach(
            (name, split) -> {
              text.append(
                  String.format(
                      Locale.ROOT,
                      "%-10s %,12d %7d %,11.1f %,9d",
                      name,
                      split.images(),
                      split.files().size(),
                      split.bytes() / (double) (1 << 20),
                      split.rejected()));
              text.append(split.rejects().isEmpty() ? "" : "  " + split.rejects());
              text.append(System.lineSeparator());
              sources.add(String.format("%-10s %s", name, split.source()));
            });
    statistics(text, manifest);
    text.append(System.lineSeparator()).append("from").append(System.lineSeparator());
    sources.forEach(source -> text.append(source).append(System.lineSeparator()));
    text.append(System.lineSeparator());
    classes(text, manifest, classes);
    return text.toString().stripTrailing();
  }

  private static void statistics(StringBuilder text, ShardManifest manifest) {
    manifest
        .splits()
        .forEach(
            (name, split) -> {
              ImageStatistics all = split.statistics();
              if (all.known()) {
                text.append(
                    String.format(
                        Locale.ROOT,
                        "%n%-10s %d to %d px wide (mean %.0f), %d to %d px high (mean %.0f)%n",
                        name,
                        all.minWidth(),
                        all.maxWidth(),
                        all.meanWidth(),
                        all.minHeight(),
                        all.maxHeight(),
                        all.meanHeight()));
                text.append(
                    String.format(
                        Locale.ROOT,
                        "%-10s RGB mean %.4f %.4f %.4f, standard deviation %.4f %.4f %.4f%n",
                        "",
                        all.mean().get(0),
                        all.mean().get(1),
                        all.mean().get(2),
                        all.standardDeviation().get(0),
                        all.standardDeviation().get(1),
                        all.standardDeviation().get(2)));
              }
            });
  }

  private static void classes(StringBuilder text, ShardManifest manifest, int most) {
    int shown = Math.min(most, manifest.labels().size());
    int width = 5;
    for (int label = 0; label < shown; label++) {
      width = Math.max(width, manifest.labels().name(label).length());
    }
    String first = "%6s  %-" + width + "s";
    text.append(String.format(first, "label", "class"));
    manifest.splits().keySet().forEach(name -> text.append(String.format(" %12s", name)));
    text.append(System.lineSeparator());
    for (int label = 0; label < shown; label++) {
      text.append(String.format(first, label, manifest.labels().name(label)));
      for (ShardSplit split : manifest.splits().values()) {
        text.append(String.format(Locale.ROOT, " %,12d", split.imagesPerClass().get(label)));
      }
      text.append(System.lineSeparator());
    }
    int left = manifest.labels().size() - shown;
    if (left > 0) {
      text.append(String.format(first, "...", left + " more"));
      for (ShardSplit split : manifest.splits().values()) {
        long images =
            split.imagesPerClass().subList(shown, manifest.labels().size()).stream()
                .mapToLong(Long::longValue)
                .sum();
        text.append(String.format(Locale.ROOT, " %,12d", images));
      }
      text.append(System.lineSeparator());
    }
    for (Map.Entry<String, ShardSplit> split : manifest.splits().entrySet()) {
      long empty = split.getValue().imagesPerClass().stream().filter(count -> count == 0).count();
      if (empty > 0 && split.getValue().images() > 0) {
        text.append(
            String.format(
                Locale.ROOT, "%n%,d classes have no image in %s%n", empty, split.getKey()));
      }
    }
  }
}
