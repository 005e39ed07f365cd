package io.phiscale.pipeline.augment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.Normalization;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class OperationTest {
  private static final WarpStyle MEAN =
      WarpStyle.meanColour(Interpolation.BICUBIC, Normalization.IMAGENET);

  static Stream<Arguments> golden() {
    return Tables.rows("operations.tsv").stream()
        .filter(row -> !row[0].equals("picture"))
        .map(row -> Arguments.of(row[0], row[1], row[2], row[3], row[6]));
  }

  /** Bit-equal to Pillow, by way of timm and (rows WIDE) torchvision. */
  @ParameterizedTest(name = "{0} {1} {2} of {3}")
  @MethodSource("golden")
  void isPillows(String name, String argument, String interpolation, String input, String result) {
    Picture picture = Tables.picture(input);
    byte[] expected = Base64.getDecoder().decode(result);

    apply(picture, name, Double.parseDouble(argument), interpolation);

    assertThat(Arrays.copyOf(picture.pixels(), picture.length())).containsExactly(expected);
  }

  private static void apply(Picture picture, String name, double value, String interpolation) {
    Operation operation = operation(name);
    if (interpolation.equals("WIDE")) {
      TrivialAugmentWide.apply(picture, operation, value);
    } else {
      operation.apply(picture, value, style(interpolation));
    }
  }

  private static WarpStyle style(String interpolation) {
    return interpolation.equals("-")
        ? MEAN
        : WarpStyle.meanColour(Interpolation.valueOf(interpolation), Normalization.IMAGENET);
  }

  private static Operation operation(String name) {
    return Operation.valueOf(name.replaceAll("(?<=[a-z])(?=[A-Z])", "_").toUpperCase(Locale.ROOT));
  }

  @Test
  void everyOperationIsCompared() {
    Set<Operation> compared = EnumSet.noneOf(Operation.class);
    golden().forEach(row -> compared.add(operation((String) row.get()[0])));
    assertThat(compared).containsExactlyInAnyOrder(Operation.values());
  }

  /** Tables that are composed are what the operations are one after the other. */
  @Test
  void aChainOfTablesIsTheOperationsInOrder() {
    List<Operation> chain =
        List.of(
            Operation.SOLARIZE,
            Operation.EQUALIZE,
            Operation.BRIGHTNESS,
            Operation.AUTO_CONTRAST,
            Operation.CONTRAST,
            Operation.INVERT,
            Operation.COLOR,
            Operation.POSTERIZE,
            Operation.SHARPNESS,
            Operation.SOLARIZE_ADD,
            Operation.CONTRAST);
    List<Double> arguments = List.of(90.0, 0.0, 0.7, 0.0, 1.4, 0.0, 0.3, 5.0, 1.8, 40.0, 0.6);
    Picture composed = Tables.picture("large");
    Picture stepwise = Tables.picture("large");

    for (int i = 0; i < chain.size(); i++) {
      chain.get(i).apply(composed, arguments.get(i), MEAN);
      chain.get(i).apply(stepwise, arguments.get(i), MEAN);
      stepwise.pixels(); // carries the tables out
    }

    assertThat(Arrays.copyOf(composed.pixels(), composed.length()))
        .containsExactly(Arrays.copyOf(stepwise.pixels(), stepwise.length()));
  }

  @Test
  void timmsFillIsTheMeanColour() {
    assertThat(MEAN).isEqualTo(new WarpStyle(Interpolation.BICUBIC, 124, 116, 104));
  }

  @Test
  void rejectsWhatIsNoStyle() {
    assertThatThrownBy(() -> new WarpStyle(Interpolation.AREA, 0, 0, 0))
        .hasMessage("Invalid interpolation of a warp: AREA (must be NEAREST, BILINEAR or BICUBIC)");
    assertThatThrownBy(() -> new WarpStyle(Interpolation.NEAREST, 0, 256, 0))
        .hasMessage("Invalid green: 256 (must be in [0, 255])");
    assertThatThrownBy(() -> new Picture().resize(-1, 2))
        .hasMessage("Invalid size: -1 x 2 px (must be >= 0)");
  }
}
