package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParameterLayoutTest {

  @Test
  void builderLaysSegmentsOneAfterTheOther() {
    ParameterLayout layout =
        ParameterLayout.builder()
            .add("weight", 6, Kind.DENSE_WEIGHT)
            .add("bias", 2, Kind.BIAS)
            .add("mean", 3, Kind.RUNNING_MEAN)
            .add("variance", 3, Kind.RUNNING_VARIANCE)
            .build();
    assertThat(layout.length()).isEqualTo(14);
    assertThat(layout.trainableLength()).isEqualTo(8);
    assertThat(layout.segments().get(2)).isEqualTo(new Segment("mean", 8, 3, Kind.RUNNING_MEAN));
  }

  @Test
  void mustBeContiguousAndComplete() {
    Segment first = new Segment("first", 0, 4, Kind.CONVOLUTION_WEIGHT);
    assertThatThrownBy(
            () -> new ParameterLayout(9, List.of(first, new Segment("next", 5, 4, Kind.BIAS))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid offset of segment next: 5 (must be 4, the end of the segment before it)");
    assertThatThrownBy(
            () -> new ParameterLayout(7, List.of(first, new Segment("next", 3, 4, Kind.BIAS))))
        .hasMessage(
            "Invalid offset of segment next: 3 (must be 4, the end of the segment before it)");
    assertThatThrownBy(() -> new ParameterLayout(5, List.of(first)))
        .hasMessage("Invalid parameter layout: segments cover 4 elements of 5");
    assertThatThrownBy(
            () -> new ParameterLayout(8, List.of(first, new Segment("first", 4, 4, Kind.BIAS))))
        .hasMessage("Invalid segment name: first (must be unique)");
  }

  @Test
  void wrongSegmentsAreNamed() {
    assertThatThrownBy(() -> new Segment("", 0, 1, Kind.BIAS))
        .hasMessage("Invalid segment name:  (must not be blank)");
    assertThatThrownBy(() -> new Segment("a", -1, 1, Kind.BIAS))
        .hasMessage("Invalid offset of segment a: -1 (must be >= 0)");
    assertThatThrownBy(() -> new Segment("a", 0, 0, Kind.BIAS))
        .hasMessage("Invalid length of segment a: 0 (must be > 0)");
    assertThatThrownBy(() -> new Segment("a", 0, 1, null))
        .hasMessage("Invalid kind of segment a: null");
  }
}
