package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From labels with weights in a table to the parameters of a trained network. */
class SoftTargetsTest {
  private static final List<String> CLASSES = List.of("bar", "disc", "frame");
  private static final int PER_CLASS = 12;

  @TempDir Path folder;

  private PhiscaleConfiguration configuration(String name, Map<String, String> more) {
    Map<String, String> values = new LinkedHashMap<>(LocalSpark.tinyTraining());
    values.put("data.source.layout", "table");
    values.put("data.source.train", folder.resolve(name + ".jsonl").toString());
    values.put("data.source.table.image-root", folder.resolve("images").toString());
    values.put("data.source.table.confidences", "p");
    values.put("data.source.validation.uri", "null");
    values.put("train.epochs", "1");
    values.put("train.augment.mixup-alpha", "0.4");
    values.put("train.output", folder.resolve(name + "-run").toUri().toString());
    values.put("data.shards", folder.resolve(name).toUri().toString());
    values.put("spark.properties.\"spark.sql.shuffle.partitions\"", "2");
    values.putAll(more);
    return LocalSpark.configuration(folder, values);
  }

  /** The row of each image: its class, and perhaps the next one with a third of the weight. */
  private void table(String name, String labels) throws Exception {
    StringBuilder rows = new StringBuilder();
    for (int label = 0; label < CLASSES.size(); label++) {
      for (int i = 0; i < PER_CLASS; i++) {
        rows.append(
            "{\"uri\": \"%s/%s.png\", %s}%n"
                .formatted(
                    CLASSES.get(label),
                    i,
                    labels
                        .replace("OWN", CLASSES.get(label))
                        .replace("NEXT", CLASSES.get((label + 1) % CLASSES.size()))));
      }
    }
    Files.writeString(folder.resolve(name + ".jsonl"), rows.toString());
  }

  private static String trained(SparkSession session, PhiscaleConfiguration configuration)
      throws Exception {
    new ShardJob(session, configuration).run();
    return new TrainJob(session, configuration)
        .run(TrainingListener.SILENT)
        .checkpoint()
        .info()
        .stateSha256();
  }

  @Test
  void storedWeightsReachTheLossAndOneLabelAloneIsThatLabel() throws Exception {
    SmallImages.write(folder.resolve("images"), PER_CLASS);
    table("single", "\"labels\": [\"OWN\"], \"p\": [0.3]");
    table("soft", "\"labels\": [\"OWN\", \"NEXT\"], \"p\": [0.75, 0.25]");
    PhiscaleConfiguration plain =
        configuration(
            "plain",
            Map.of(
                "data.source.layout",
                "class-folders",
                "data.source.train",
                folder.resolve("images").toString()));
    try (SparkSession session = LocalSpark.open(plain)) {
      String hard = trained(session, plain);
      assertThat(trained(session, configuration("single", Map.of()))).isEqualTo(hard);
      assertThat(trained(session, configuration("soft", Map.of()))).isNotEqualTo(hard);
      assertThat(
              trained(
                  session,
                  configuration(
                      "soft",
                      Map.of(
                          "train.targets",
                          "strongest",
                          "train.output",
                          folder.resolve("strongest").toUri().toString()))))
          .isEqualTo(hard);
    }
  }
}
