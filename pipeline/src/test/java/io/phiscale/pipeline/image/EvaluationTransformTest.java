package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.image.EvaluationCrop.CentreCrop;
import io.phiscale.pipeline.image.EvaluationCrop.PaddedCrop;
import io.phiscale.pipeline.image.EvaluationCrop.WholeImage;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EvaluationTransformTest {
  /** Sides worked out by hand: floor(resolution / (resolution + padding) * shorter side). */
  @ParameterizedTest
  @CsvSource({
    "224, 500, 375, 328, 86, 24", // padding 32: 0.875 * 375 = 328.1
    "224, 375, 500, 328, 24, 86",
    "224, 256, 256, 224, 16, 16",
    "224, 500, 500, 437, 32, 32", // 437.5
    "300, 500, 375, 327, 87, 24", // padding 43: 300 / 343 * 375 = 327.99
    "600, 1000, 800, 699, 151, 51", // padding 86: 600 / 686 * 800 = 699.7
    "224, 1, 1, 1, 0, 0",
  })
  void cropsByThePaddingRule(int resolution, int width, int height, int side, int left, int top) {
    assertThat(EvaluationTransform.centreCrop(resolution).region(width, height))
        .isEqualTo(new CropRegion(left, top, side, side, Mirroring.NONE));
  }

  @Test
  void aFractionOfOneTakesTheCentreSquareAndWholeImageEverything() {
    EvaluationTransform transform = EvaluationTransform.centreCrop(28);
    assertThat(transform.withCrop(new CentreCrop(1)).region(28, 28))
        .isEqualTo(CropRegion.whole(28, 28));
    assertThat(transform.withCrop(new CentreCrop(1)).region(40, 28))
        .isEqualTo(new CropRegion(6, 0, 28, 28, Mirroring.NONE));
    assertThat(transform.withCrop(new WholeImage()).region(40, 28))
        .isEqualTo(CropRegion.whole(40, 28));
  }

  @Property(tries = 500, seed = "14933706112244447")
  void theRegionLiesInside(
      @ForAll @IntRange(min = 1, max = 5000) int width,
      @ForAll @IntRange(min = 1, max = 5000) int height,
      @ForAll @IntRange(min = 1, max = 800) int resolution,
      @ForAll @DoubleRange(min = 0.1, max = 1.0) double fraction) {
    CropRegion region =
        EvaluationTransform.centreCrop(resolution)
            .withCrop(new CentreCrop(fraction))
            .region(width, height);
    region.requireInside(width, height);
    assertThat(region.width()).isEqualTo(region.height());
    int right = width - region.left() - region.width();
    assertThat(region.left() - right).isBetween(0, 1);
  }

  @Test
  void refusesFractionsThatCannotBe() {
    assertThatThrownBy(() -> new CentreCrop(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid crop fraction: 0.0 (must be in (0, 1])");
    assertThatThrownBy(() -> new CentreCrop(1.01))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid crop fraction: 1.01 (must be in (0, 1])");
    assertThatThrownBy(() -> EvaluationTransform.centreCrop(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid resolution: -1 (must be > 0)");
    assertThatThrownBy(() -> CropRegion.whole(0, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid crop region: left 0, top 0, 0 x 3 px (must not be negative or empty)");
    assertThatThrownBy(() -> new Normalization(0, 0, 0, 1, 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid standard deviation of green: 0.0 (must be > 0)");
  }

  /** floor(resolution / (resolution + 32) * shorter side), by hand. */
  @ParameterizedTest
  @CsvSource({
    "224, 500, 375, 328, 86, 24",
    "300, 500, 375, 338, 81, 19", // 300 / 332 * 375 = 338.9
    "600, 1000, 800, 759, 121, 21", // 600 / 632 * 800 = 759.5
  })
  void theOriginalsPaddingIsTheSameAtEveryResolution(
      int resolution, int width, int height, int side, int left, int top) {
    assertThat(
            EvaluationTransform.centreCrop(resolution)
                .withCrop(PaddedCrop.ORIGINAL)
                .region(width, height))
        .isEqualTo(new CropRegion(left, top, side, side, Mirroring.NONE));
    assertThatThrownBy(() -> new PaddedCrop(-1))
        .hasMessage("Invalid padding of the crop: -1 (must be >= 0)");
  }

  /** torchvision's five_crop of 500 x 375 px, in source pixels, and the same mirrored. */
  @Test
  void tenCropsAreCornersCentreAndTheirMirrorImages() {
    List<EvaluationTransform> views =
        EvaluationViews.tenCrop(EvaluationTransform.centreCrop(224), 0.875);
    assertThat(views)
        .extracting(view -> view.region(500, 375))
        .containsExactly(
            new CropRegion(0, 0, 328, 328, Mirroring.NONE),
            new CropRegion(172, 0, 328, 328, Mirroring.NONE),
            new CropRegion(0, 47, 328, 328, Mirroring.NONE),
            new CropRegion(172, 47, 328, 328, Mirroring.NONE),
            new CropRegion(86, 24, 328, 328, Mirroring.NONE),
            new CropRegion(0, 0, 328, 328, Mirroring.HORIZONTAL),
            new CropRegion(172, 0, 328, 328, Mirroring.HORIZONTAL),
            new CropRegion(0, 47, 328, 328, Mirroring.HORIZONTAL),
            new CropRegion(172, 47, 328, 328, Mirroring.HORIZONTAL),
            new CropRegion(86, 24, 328, 328, Mirroring.HORIZONTAL));
  }

  @Test
  void scalesAreTenCropsEach() {
    EvaluationTransform transform = EvaluationTransform.centreCrop(224);
    List<EvaluationTransform> views = EvaluationViews.multiScale(transform, List.of(0.875, 0.7));
    assertThat(views).hasSize(20).doesNotHaveDuplicates();
    assertThat(views.subList(0, 10)).isEqualTo(EvaluationViews.tenCrop(transform, 0.875));
    assertThatThrownBy(() -> EvaluationViews.multiScale(transform, List.of()))
        .hasMessage("Invalid crop fractions: [] (must not be empty)");
    assertThatThrownBy(() -> EvaluationViews.tenCrop(transform, 0))
        .hasMessage("Invalid crop fraction: 0.0 (must be in (0, 1])");
  }
}
