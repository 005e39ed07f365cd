package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.support.EventFileReader;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Event files, against TensorBoard's own writer ({@code src/test/python/export_events.py}). */
class EventFileTest {

  @Test
  void theBytesAreThoseOfTensorBoardsWriter() throws IOException {
    EventFile file = new EventFile(1234.5);
    file.add(1234.5, 0, scalars("train/loss", 2.3025851, "train/accuracy", 0.125));
    file.add(1534.5, 300, scalars("train/loss", Double.NaN, "round/seconds", 1e-3));
    file.add(1234.5 + (1L << 40), 1L << 40, Map.of("x".repeat(200), -1.5));

    try (InputStream reference =
        EventFileTest.class.getResourceAsStream("tensorboard-reference.tfevents")) {
      assertThat(file.toByteArray()).isEqualTo(reference.readAllBytes());
    }
  }

  @Test
  void aRoundIsAnEventAtTheImagesSeen() {
    RoundMetrics round =
        new RoundMetrics(7, 1.5, 640, 2.25, 0.125, 4, 160, 2.5, 0.5, 0.25, 0.75, 3, 0.75, 10, 1e9);

    assertThat(EventFileReader.read(EventFile.of(List.of(round))))
        .containsExactly(
            new EventFileReader.Event(
                1e9,
                640,
                Map.ofEntries(
                    Map.entry("train/loss", 2.25f),
                    Map.entry("train/accuracy", 0.75f),
                    Map.entry("train/learning_rate", 0.125f),
                    Map.entry("train/epoch", 1.5f),
                    Map.entry("train/skipped", 3f),
                    Map.entry("speed/images_per_second", 160f),
                    Map.entry("round/number", 7f),
                    Map.entry("round/local_steps", 10f),
                    Map.entry("round/seconds", 4f),
                    Map.entry("round/compute_seconds", 2.5f),
                    Map.entry("round/data_wait_seconds", 0.5f),
                    Map.entry("round/straggle_seconds", 0.25f),
                    Map.entry("round/averaging_seconds", 0.75f))));
  }

  @Test
  void namesSortByRound() {
    assertThat(List.of(EventFile.name(9), EventFile.name(10), EventFile.name(99_999_999)))
        .isSorted()
        .first()
        .isEqualTo("events.out.tfevents.round-00000009");
  }

  private static Map<String, Double> scalars(String a, double x, String b, double y) {
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put(a, x);
    scalars.put(b, y);
    return scalars;
  }
}
