package io.phiscale.pipeline.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LabelSpaceTest {
  private final LabelSpace labels =
      new LabelSpace(List.of("n02", "n01"), Map.of("n01", "tench", "n02", "goldfish"));

  @Test
  void keepsTheGivenOrder() {
    assertThat(labels.size()).isEqualTo(2);
    assertThat(labels.name(0)).isEqualTo("n02");
    assertThat(labels.indexOf("n01")).hasValue(1);
    assertThat(labels.indexOf("n03")).isEmpty();
    assertThat(labels.humanName(1)).contains("tench");
    assertThat(LabelSpace.of(List.of("a")).humanName(0)).isEmpty();
  }

  @Test
  void sortsNamesAndDropsDuplicates() {
    assertThat(LabelSpace.sorted(List.of("b", "a", "b", "B")).names())
        .containsExactly("B", "a", "b");
  }

  @Test
  void goesThroughJson() throws Exception {
    ObjectMapper json = new ObjectMapper();
    String text = json.writeValueAsString(labels);
    assertThat(text)
        .isEqualTo(
            "{\"classes\":[\"n02\",\"n01\"],"
                + "\"humanNames\":{\"n01\":\"tench\",\"n02\":\"goldfish\"}}");
    assertThat(json.readValue(text, LabelSpace.class)).isEqualTo(labels);
  }

  @Test
  void refusesWhatIsNoLabelSpace() {
    assertThatThrownBy(() -> LabelSpace.of(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid label space: no classes");
    assertThatThrownBy(() -> LabelSpace.of(List.of("a", " ")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid class name of label 1: blank");
    assertThatThrownBy(() -> LabelSpace.of(List.of("a", "b", "a")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid label space: class a twice (labels 0 and 2)");
    assertThatThrownBy(() -> new LabelSpace(List.of("a"), Map.of("b", "bee")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid human name bee: b is no class of this label space");
    assertThatThrownBy(() -> new LabelSpace(List.of("a"), Map.of("a", "")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid human name of class a: blank");
    assertThatThrownBy(() -> labels.name(2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid label: 2 (must be in [0, 2))");
  }

  @Test
  void rejectReasonsHaveStableIds() {
    assertThat(List.of(RejectReason.values()))
        .extracting(RejectReason::id)
        .containsExactly(
            "unreadable",
            "truncated",
            "empty",
            "unsupported-format",
            "too-large",
            "duplicate-key",
            "duplicate-content",
            "unknown-label",
            "unsafe-entry",
            "link-entry",
            "invalid-name",
            "missing",
            "checksum-mismatch");
    for (RejectReason reason : RejectReason.values()) {
      assertThat(RejectReason.of(reason.id())).isSameAs(reason);
      assertThat(reason).hasToString(reason.id());
    }
    assertThatThrownBy(() -> RejectReason.of("bad"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "Invalid reject reason: bad (must be one of unreadable, truncated, empty, ");
  }
}
