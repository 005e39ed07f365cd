package io.phiscale.jobs.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiguresTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "999, 999",
    "1000, 1.00 k",
    "5288548, 5.29 M",
    "385814752, 386 M",
    "999499, 999 k",
    "999500, 1.00 M",
    "1800091280, 1.80 G",
    "37745884192, 37.7 G"
  })
  void siKeepsThreeDigits(long value, String text) {
    assertThat(Figures.si(value)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"500000000, 500 M", "1500000, 1.5 M", "2000, 2 k", "100, 100", "10000000, 10 M"})
  void ticksHaveNoTrailingZeros(long value, String text) {
    assertThat(Figures.siShort(value)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 ms",
    "999, 999 ms",
    "4210, 4.2 s",
    "9949, 9.9 s",
    "9950, 10 s",
    "59600, 1 min 00 s",
    "185000, 3 min 05 s",
    "7620000, 2 h 07 min"
  })
  void timesHaveTheirTwoLargestUnits(long millis, String text) {
    assertThat(Figures.time(Duration.ofMillis(millis))).isEqualTo(text);
  }

  @Test
  void roundsHalfUpAndLeavesTheUndefinedEmpty() {
    assertThat(Figures.percent(0.77695, 2)).isEqualTo("77.70");
    assertThat(Figures.percent(1, 3)).isEqualTo("100.000");
    assertThat(Figures.percent(Double.NaN, 3)).isEmpty();
    assertThat(Figures.number(1.1000000000000003, 6)).isEqualTo("1.1");
    assertThat(Figures.number(0, 6)).isEqualTo("0");
    assertThat(Figures.number(1e-9, 6)).isEqualTo("0");
    assertThat(Figures.number(Double.NaN, 6)).isEmpty();
    assertThat(Figures.rate(2489.4)).isEqualTo("2,489");
    assertThat(Figures.rate(13.94)).isEqualTo("13.9");
  }

  @Test
  void doesNotFollowTheMachinesLanguage() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.GERMANY);
      assertThat(Figures.grouped(5_288_548)).isEqualTo("5,288,548");
      assertThat(SampleReports.phiStudy().toHtml()).contains("81.40").doesNotContain("81,40");
    } finally {
      Locale.setDefault(before);
    }
  }
}
