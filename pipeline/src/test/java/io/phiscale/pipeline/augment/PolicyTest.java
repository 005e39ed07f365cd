package io.phiscale.pipeline.augment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.augment.AutoAugment.Entry;
import io.phiscale.pipeline.augment.AutoAugment.SubPolicy;
import io.phiscale.pipeline.augment.TrivialAugmentWide.Choice;
import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.Normalization;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PolicyTest {
  private static final WarpStyle MEAN =
      WarpStyle.meanColour(Interpolation.BICUBIC, Normalization.IMAGENET);

  private static SampleRandom random(long position) {
    return SampleRandom.of(5, 0, position).stream(Stream.POLICY);
  }

  private static byte[] applied(Policy policy, long position) {
    Picture picture = Tables.picture("large");
    policy.apply(picture, random(position), MEAN);
    return Arrays.copyOf(picture.pixels(), picture.length());
  }

  private static List<List<String>> rows(AutoAugment policy) {
    List<List<String>> rows = new ArrayList<>();
    List<SubPolicy> table = policy.table();
    for (int i = 0; i < table.size(); i++) {
      for (Entry entry : List.of(table.get(i).first(), table.get(i).second())) {
        rows.add(
            List.of(
                Integer.toString(i),
                entry.operation().timmName(),
                Double.toString(entry.probability()),
                Double.toString(entry.level())));
      }
    }
    return rows;
  }

  private static List<List<String>> timms(String name) {
    return Tables.rows("policies.tsv", "autoaugment").stream()
        .filter(row -> row[1].equals(name))
        .map(row -> List.of(row[2], row[3], row[4], row[5]))
        .toList();
  }

  @Test
  void autoAugmentIsTimmsTable() {
    assertThat(rows(new AutoAugment(PolicyForm.TIMM))).hasSize(50).isEqualTo(timms("v0"));
    assertThat(rows(new AutoAugment(PolicyForm.TIMM_INCREASING))).isEqualTo(timms("v0r"));
  }

  /** The original's only other name in the table: its translation is in pixels. */
  @Test
  void autoAugmentOfTheOriginalTranslatesByPixels() {
    List<List<String>> expected =
        timms("v0").stream()
            .map(row -> row.stream().map(value -> value.replace("YRel", "Y")).toList())
            .toList();
    assertThat(rows(new AutoAugment(PolicyForm.TPU))).isEqualTo(expected);
  }

  @Test
  void randAugmentAndAugMixChooseFromTimmsLists() {
    assertThat(names(new RandAugment(PolicyForm.TIMM, 2, 9, 0.5).operations()))
        .isEqualTo(choices("rand"));
    assertThat(names(new RandAugment(PolicyForm.TIMM_INCREASING, 2, 9, 0.5).operations()))
        .isEqualTo(choices("rand-inc1"));
    assertThat(names(AugMix.OPERATIONS)).isEqualTo(choices("augmix"));
  }

  /** {@code available_ops} of distort_image_with_randaugment. */
  @Test
  void randAugmentOfTheOriginalChoosesFromSixteen() {
    assertThat(names(new RandAugment(PolicyForm.TPU, 2, 28, 0).operations()))
        .containsExactly(
            "AutoContrast",
            "Equalize",
            "Invert",
            "Rotate",
            "Posterize",
            "Solarize",
            "Color",
            "Contrast",
            "Brightness",
            "Sharpness",
            "ShearX",
            "ShearY",
            "TranslateX",
            "TranslateY",
            "Cutout",
            "SolarizeAdd");
  }

  private static List<String> names(List<LevelledOperation> operations) {
    return operations.stream().map(LevelledOperation::timmName).toList();
  }

  private static List<String> choices(String name) {
    return Tables.rows("policies.tsv", "choice").stream()
        .filter(row -> row[1].equals(name))
        .map(row -> row[3])
        .toList();
  }

  @Test
  void levelsBecomeTimmsArguments() {
    Set<String> compared = new HashSet<>();
    for (String[] row : Tables.rows("policies.tsv", "argument")) {
      LevelledOperation operation =
          Arrays.stream(LevelledOperation.values())
              .filter(candidate -> candidate.timmName().equals(row[1]))
              .findFirst()
              .orElseThrow();
      double argument =
          operation.argument(Double.parseDouble(row[2]), 1, new TranslationScale(100, 0.45));
      assertThat(argument)
          .as("%s at level %s", row[1], row[2])
          .isCloseTo(Double.parseDouble(row[3]), within(1e-12));
      compared.add(row[1]);
    }
    assertThat(compared).hasSize(20);
  }

  @Test
  void trivialAugmentIsTorchvisionsTable() {
    List<String[]> rows = Tables.rows("policies.tsv", "wide");
    assertThat(rows).hasSameSizeAs(TrivialAugmentWide.CHOICES);
    for (int i = 0; i < rows.size(); i++) {
      String[] row = rows.get(i);
      Choice choice = TrivialAugmentWide.CHOICES.get(i);
      assertThat(choice.operation().name().replace("_", "")).isEqualToIgnoringCase(row[2]);
      assertThat(choice.signs() == 2).isEqualTo(row[3].equals("True"));
      for (int magnitude = 0; magnitude < TrivialAugmentWide.MAGNITUDES; magnitude++) {
        String expected = row[Math.min(row.length - 1, 4 + magnitude)];
        assertThat(choice.magnitude(magnitude))
            .as("%s %d", row[2], magnitude)
            .isCloseTo(Double.parseDouble(expected), within(2e-6)); // torch's are float32
      }
    }
  }

  static List<Policy> policies() {
    return List.of(
        new AutoAugment(PolicyForm.TPU),
        new AutoAugment(PolicyForm.TIMM),
        new RandAugment(PolicyForm.TPU, 2, 28, 0),
        new RandAugment(PolicyForm.TIMM, 2, 9, 0.5),
        new RandAugment(PolicyForm.TIMM_INCREASING, 3, 10, 1),
        new TrivialAugmentWide(),
        AugMix.ofMagnitude(3),
        new AugMix(10, 2, 1, 0.2));
  }

  @ParameterizedTest
  @MethodSource("policies")
  void theSameRandomNumbersGiveTheSamePictureAndOthersOthers(Policy policy) {
    Set<List<Byte>> pictures = new HashSet<>();
    for (int position = 0; position < 60; position++) {
      byte[] picture = applied(policy, position);
      assertThat(picture).isEqualTo(applied(policy, position));
      List<Byte> boxed = new ArrayList<>();
      for (byte value : picture) {
        boxed.add(value);
      }
      pictures.add(boxed);
    }
    assertThat(pictures).hasSizeGreaterThan(20);
  }

  /** timm does each of two drawn operations half the time: a quarter stays as it was, and more. */
  @Test
  void timmsRandAugmentSkipsHalfAndTheOriginalsNone() {
    byte[] before = applied(new Policy.None(), 0);
    int timm = 0;
    int tpu = 0;
    for (int position = 0; position < 400; position++) {
      timm +=
          Arrays.equals(before, applied(new RandAugment(PolicyForm.TIMM, 2, 9, 0), position))
              ? 1
              : 0;
      tpu +=
          Arrays.equals(before, applied(new RandAugment(PolicyForm.TPU, 2, 9, 0), position))
              ? 1
              : 0;
    }
    assertThat(timm).isBetween(80, 140);
    assertThat(tpu).isLessThan(20);
  }

  /** Against the formula, in double, with chains of identities: nothing but rounding changes. */
  @Test
  void augMixOfUnchangedChainsIsTheOriginal() {
    byte[] before = applied(new Policy.None(), 0);
    AugMix still = new AugMix(0, 3, 1, 1);
    int unchanged = 0;
    for (int position = 0; position < 200; position++) {
      byte[] after = applied(still, position);
      int largest = 0;
      for (int i = 0; i < after.length; i++) {
        largest = Math.max(largest, Math.abs((after[i] & 0xff) - (before[i] & 0xff)));
      }
      // Sums and blends are cut off, not rounded.
      unchanged += largest <= 2 ? 1 : 0;
    }
    // Level 0 changes nothing but for AutoContrast, Equalize and PosterizeIncreasing (4 bits).
    assertThat(unchanged).isBetween(60, 140);
  }

  @Test
  void cutoutPaintsAGreySquareWithinThePicture() {
    for (int position = 0; position < 50; position++) {
      Picture picture = Tables.picture("large");
      byte[] before = picture.pixels().clone();
      LevelledOperation.CUTOUT.apply(
          picture, 1, random(position), WarpStyle.NEAREST_GREY, TranslationScale.TIMM);
      int grey = 0;
      for (int i = 0; i < picture.length(); i += 3) {
        boolean painted = picture.pixels()[i] == -128 && picture.pixels()[i + 1] == -128;
        grey += painted ? 1 : 0;
        if (!painted) {
          assertThat(picture.pixels()[i]).isEqualTo(before[i]);
        }
      }
      assertThat(grey).isBetween(4 * 4, 8 * 8 + 4); // 8 x 8, cut off at borders
    }
  }

  @Test
  void rejectsWhatIsNoPolicy() {
    assertThatThrownBy(() -> new RandAugment(PolicyForm.TIMM, 0, 9, 0))
        .hasMessage("Invalid layers: 0 (must be > 0)");
    assertThatThrownBy(() -> new RandAugment(PolicyForm.TIMM, 2, 11, 0))
        .hasMessage("Invalid magnitude: 11.0 (must be in [0, 10])");
    assertThatThrownBy(() -> new RandAugment(PolicyForm.TPU, 2, 101, 0))
        .hasMessage("Invalid magnitude: 101.0 (must be in [0, 100])");
    assertThatThrownBy(() -> new RandAugment(PolicyForm.TPU, 2, 9, -1))
        .hasMessage("Invalid deviation of the magnitude: -1.0 (must be >= 0)");
    assertThatThrownBy(() -> AugMix.ofMagnitude(-1))
        .hasMessage("Invalid magnitude: -1.0 (must be in [0, 10])");
    assertThatThrownBy(() -> new AugMix(3, 0, 0, 1)).hasMessage("Invalid chains: 0 (must be > 0)");
    assertThatThrownBy(() -> new AugMix(3, 3, -1, 1))
        .hasMessage("Invalid depth: -1 (must be >= 0)");
    assertThatThrownBy(() -> new AugMix(3, 3, 0, 0)).hasMessage("Invalid alpha: 0.0 (must be > 0)");
  }
}
