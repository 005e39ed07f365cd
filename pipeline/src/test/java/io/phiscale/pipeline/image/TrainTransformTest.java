package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class TrainTransformTest {
  private static final TrainTransform INCEPTION = TrainTransform.inception(224);

  @Test
  void givesTheGoldenRegions() {
    assertThat(region(500, 375, 0))
        .isEqualTo(new CropRegion(62, 4, 381, 338, Mirroring.HORIZONTAL));
    assertThat(region(500, 375, 1))
        .isEqualTo(new CropRegion(50, 18, 420, 346, Mirroring.HORIZONTAL));
    assertThat(region(375, 500, 0))
        .isEqualTo(new CropRegion(95, 53, 185, 182, Mirroring.HORIZONTAL));
    assertThat(region(28, 28, 0)).isEqualTo(new CropRegion(2, 0, 25, 22, Mirroring.HORIZONTAL));
    assertThat(region(2400, 1632, 1))
        .isEqualTo(new CropRegion(300, 33, 1921, 1580, Mirroring.HORIZONTAL));
  }

  @Test
  void fallsBackToTheLargestCentredRegionWithinTheAspectBounds() {
    assertThat(region(1000, 20, 0).width()).isEqualTo(27);
    assertThat(region(1000, 20, 0).height()).isEqualTo(20);
    assertThat(region(1000, 20, 0).left()).isEqualTo(486);
    assertThat(region(20, 1000, 0).height()).isEqualTo(27);
    assertThat(region(20, 1000, 0).top()).isEqualTo(486);
    assertThat(region(1, 1, 0)).isEqualTo(new CropRegion(0, 0, 1, 1, Mirroring.HORIZONTAL));
  }

  @Property(tries = 500, seed = "8511154561631352138")
  void theRegionLiesInsideAndItsShapeWithinTheBounds(
      @ForAll @IntRange(min = 1, max = 3000) int width,
      @ForAll @IntRange(min = 1, max = 3000) int height,
      @ForAll long seed,
      @ForAll @LongRange(max = 1_000_000) long position) {
    CropRegion region = INCEPTION.region(width, height, SampleRandom.of(seed, 0, position));
    region.requireInside(width, height);
    // Either side may be rounded by half a pixel.
    double widest = (region.width() + 0.5) / (region.height() - 0.5);
    double narrowest = (region.width() - 0.5) / (region.height() + 0.5);
    assertThat(widest).isGreaterThanOrEqualTo(3.0 / 4.0);
    assertThat(narrowest).isLessThanOrEqualTo(4.0 / 3.0);
    boolean drawn = 4L * width >= 3L * height && 3L * width <= 4L * height;
    if (drawn) { // then even the fallback, the whole image, has an area within the bounds
      double area = (double) width * height;
      double rounding = 0.5 * (region.width() + region.height()) + 0.25;
      double cropped = (double) region.width() * region.height();
      assertThat(cropped + rounding).isGreaterThanOrEqualTo(0.08 * area);
      assertThat(cropped - rounding).isLessThanOrEqualTo(area);
    }
  }

  @Test
  void areaIsUniformAndAspectRatioLogUniform() {
    TrainTransform half = INCEPTION.withAreaRange(0.08, 0.5);
    int draws = 20_000;
    double area = 0;
    double logRatio = 0;
    int mirrored = 0;
    for (int position = 0; position < draws; position++) {
      CropRegion region = half.region(1000, 1000, SampleRandom.of(5, 1, position));
      area += region.width() * (double) region.height() / 1e6;
      logRatio += Math.log((double) region.width() / region.height());
      mirrored += region.mirroring() == Mirroring.HORIZONTAL ? 1 : 0;
    }
    assertThat(area / draws).isCloseTo(0.29, within(0.003));
    assertThat(logRatio / draws).isCloseTo(0.0, within(0.005));
    assertThat(mirrored / (double) draws).isCloseTo(0.5, within(0.015));
  }

  @Test
  void mirrorsNeverOrAlwaysWhereToldSo() {
    for (int position = 0; position < 100; position++) {
      SampleRandom random = SampleRandom.of(1, 0, position);
      assertThat(INCEPTION.withMirrorProbability(0).region(50, 50, random).mirroring())
          .isEqualTo(Mirroring.NONE);
      assertThat(INCEPTION.withMirrorProbability(1).region(50, 50, random).mirroring())
          .isEqualTo(Mirroring.HORIZONTAL);
    }
  }

  @Test
  void mirroringDoesNotChangeTheRegion() {
    SampleRandom random = SampleRandom.of(1, 0, 0);
    CropRegion plain = INCEPTION.withMirrorProbability(0).region(500, 400, random);
    CropRegion mirrored = INCEPTION.withMirrorProbability(1).region(500, 400, random);
    assertThat(mirrored)
        .isEqualTo(
            new CropRegion(
                plain.left(), plain.top(), plain.width(), plain.height(), Mirroring.HORIZONTAL));
  }

  @Test
  void takesTheWholeOfASquareWhereTheAreaIsFixedToOne() {
    TrainTransform whole = INCEPTION.withAreaRange(1, 1).withAspectRatioRange(1, 1);
    assertThat(whole.withMirrorProbability(0).region(28, 28, SampleRandom.of(0, 0, 0)))
        .isEqualTo(CropRegion.whole(28, 28));
  }

  @Test
  void refusesBoundsThatCannotBe() {
    assertThatThrownBy(() -> TrainTransform.inception(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid resolution: 0 (must be > 0)");
    assertThatThrownBy(() -> INCEPTION.withAreaRange(0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid area range: 0.0 to 1.0 (must satisfy 0 < minimum <= maximum <= 1)");
    assertThatThrownBy(() -> INCEPTION.withAspectRatioRange(2, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid aspect ratio range: 2.0 to 1.0 (must satisfy 0 < minimum <= maximum)");
    assertThatThrownBy(() -> INCEPTION.withMirrorProbability(Double.NaN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid mirror probability: NaN (must be in [0, 1])");
  }

  private static CropRegion region(int width, int height, long position) {
    return INCEPTION.region(width, height, SampleRandom.of(42, 3, position));
  }
}
