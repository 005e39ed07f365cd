package io.phiscale.model.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class WorkersTest {

  @Test
  void everyPartRunsOnceInEveryRun() {
    try (Workers workers = new Workers(3, () -> {})) {
      assertThat(workers.parts()).isEqualTo(3);
      AtomicIntegerArray runs = new AtomicIntegerArray(3);
      for (int i = 0; i < 2_000; i++) {
        workers.run(runs::incrementAndGet);
      }
      for (int part = 0; part < 3; part++) {
        assertThat(runs.get(part)).isEqualTo(2_000);
      }
    }
  }

  @Test
  void failureOfAnyPartReachesTheCallerAndTheNextRunWorks() {
    try (Workers workers = new Workers(2, () -> {})) {
      for (int failing = 0; failing < 2; failing++) {
        int which = failing;
        assertThatThrownBy(
                () ->
                    workers.run(
                        part -> {
                          if (part == which) {
                            throw new ArithmeticException("no " + part);
                          }
                        }))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("no " + which)
            .hasCauseInstanceOf(ArithmeticException.class);
      }
      AtomicIntegerArray runs = new AtomicIntegerArray(2);
      workers.run(runs::incrementAndGet);
      assertThat(runs.get(0) + runs.get(1)).isEqualTo(2);
    }
  }

  /** It would be waited for, for ever. */
  @Test
  void aThreadThatCannotStartIsAnErrorOfEveryRun() {
    try (Workers workers =
        new Workers(
            3,
            () -> {
              throw new UnsatisfiedLinkError("no natives");
            })) {
      for (int run = 0; run < 2; run++) {
        assertThatThrownBy(() -> workers.run(part -> {}))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("no natives")
            .hasCauseInstanceOf(UnsatisfiedLinkError.class);
      }
    }
  }

  @Test
  void closedWorkersRefuse() {
    Workers workers = new Workers(2, () -> {});
    workers.close();
    workers.close();
    assertThatThrownBy(() -> workers.run(part -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot compute: these kernels are closed");
  }
}
