package io.phiscale.pipeline.augment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.augment.Erasing.Box;
import io.phiscale.pipeline.augment.Erasing.Fill;
import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.ImageResampler;
import io.phiscale.pipeline.image.Normalization;
import io.phiscale.pipeline.image.Pictures;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import io.phiscale.pipeline.image.TrainTransform;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class AugmenterTest {
  private static final int SIDE = 48;
  private static final TrainTransform TRANSFORM = TrainTransform.inception(SIDE);
  private static final byte[] IMAGE = Pictures.encode(Pictures.gradient(90, 70), "png");
  private static final Augmentation EVERYTHING =
      new Augmentation(
          new RandAugment(PolicyForm.TIMM, 2, 9, 0.5),
          0.4,
          0.1,
          new Erasing(0.5, Fill.PIXEL),
          Mixing.NONE);

  private static float[] written(Augmentation augmentation, long position) {
    float[] values = new float[TRANSFORM.valuesPerImage()];
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded image = (Decoded) decoder.decode(IMAGE)) {
      new Augmenter(TRANSFORM, augmentation)
          .write(image, SampleRandom.of(3, 1, position), FloatBuffer.wrap(values), 0);
    }
    return values;
  }

  private static float[] resampled(long position) {
    float[] values = new float[TRANSFORM.valuesPerImage()];
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded image = (Decoded) decoder.decode(IMAGE)) {
      SampleRandom random = SampleRandom.of(3, 1, position);
      new ImageResampler()
          .resample(
              image,
              TRANSFORM.region(image.widthPx(), image.heightPx(), random),
              TRANSFORM,
              FloatBuffer.wrap(values),
              0);
    }
    return values;
  }

  @Test
  void withoutAugmentationNothingChangesNotABit() {
    assertThat(written(Augmentation.NONE, 7)).isEqualTo(resampled(7));
  }

  /** Rounding to 8 bits and looking up is normalising, up to that rounding. */
  @Test
  void thePictureIsTheNormalisedImageInEightBits() {
    float[] floats = resampled(7);
    byte[] bytes;
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded image = (Decoded) decoder.decode(IMAGE)) {
      Picture picture =
          new Augmenter(TRANSFORM, Augmentation.NONE).picture(image, SampleRandom.of(3, 1, 7));
      assertThat(picture.length()).isEqualTo(floats.length);
      bytes = picture.pixels().clone();
    }
    float[] table = new float[3 * 256];
    ImageResampler.tabulate(Normalization.IMAGENET, table);
    // Half of 1/255 over the smallest deviation.
    for (int i = 0; i < floats.length; i++) {
      assertThat(table[i % 3 * 256 + (bytes[i] & 0xff)])
          .isCloseTo(floats[i], within(0.501f / 255 / 0.224f));
    }
  }

  @Test
  void whatIsWrittenIsThePictureNormalised() {
    Augmentation pictures = EVERYTHING.withErasing(Erasing.NONE);
    float[] table = new float[3 * 256];
    ImageResampler.tabulate(Normalization.IMAGENET, table);
    for (int position = 0; position < 20; position++) {
      float[] floats = written(pictures, position);
      try (ImageDecoder decoder = new ImageDecoder();
          Decoded image = (Decoded) decoder.decode(IMAGE)) {
        byte[] bytes =
            new Augmenter(TRANSFORM, pictures)
                .picture(image, SampleRandom.of(3, 1, position))
                .pixels();
        for (int i = 0; i < floats.length; i++) {
          assertThat(floats[i]).isEqualTo(table[i % 3 * 256 + (bytes[i] & 0xff)]);
        }
      }
    }
  }

  @Test
  void isAFunctionOfSeedEpochAndPosition() {
    assertThat(written(EVERYTHING, 5)).isEqualTo(written(EVERYTHING, 5));
    assertThat(written(EVERYTHING, 5)).isNotEqualTo(written(EVERYTHING, 6));
  }

  /** One augmenter for many images is many augmenters. */
  @Test
  void keepsNothingFromImageToImage() {
    Augmenter augmenter = new Augmenter(TRANSFORM, EVERYTHING);
    float[] values = new float[TRANSFORM.valuesPerImage()];
    try (ImageDecoder decoder = new ImageDecoder()) {
      for (int position = 0; position < 12; position++) {
        try (Decoded image = (Decoded) decoder.decode(IMAGE)) {
          augmenter.write(image, SampleRandom.of(3, 1, position), FloatBuffer.wrap(values), 0);
        }
        assertThat(values).isEqualTo(written(EVERYTHING, position));
      }
    }
  }

  @Test
  void colourJitterChangesEachPictureWithinItsStrength() {
    Augmentation jitter = Augmentation.NONE.withColorJitter(0.4);
    assertThat(written(jitter, 1)).isNotEqualTo(resampled(1)).isNotEqualTo(written(jitter, 2));
    // No strength: factors of 1, no change but rounding.
    Picture picture = Tables.picture("large");
    byte[] before = picture.pixels().clone();
    ColorJitter.apply(picture, 0, SampleRandom.of(1, 1, 1), WarpStyle.NEAREST_GREY);
    assertThat(picture.pixels()).isEqualTo(before);
  }

  /** fb.resnet.torch: eigvec times (alpha times eigval), summed over components. */
  @Test
  void lightingIsTheSumOfComponents() {
    assertThat(Lighting.shift(0, 0.1, 0, 0)).isCloseTo(-0.5675 * 0.02175, within(1e-12));
    assertThat(Lighting.shift(1, 0.1, -0.2, 0.3))
        .isCloseTo(
            -0.5808 * 0.02175 + -0.0045 * -0.2 * 0.0188 + -0.8140 * 0.3 * 0.0045, within(1e-12));
    assertThat(Lighting.shift(2, 0, 0, 1)).isCloseTo(0.4203 * 0.0045, within(1e-12));
    Picture picture = Tables.picture("flat"); // (10, 200, 77)
    Colours.add(picture, -0.1, 0.3, 0.01);
    assertThat(picture.pixels()[0]).isZero();
    assertThat(picture.pixels()[1] & 0xff).isEqualTo(255);
    assertThat(picture.pixels()[2]).isEqualTo((byte) 80); // 77 + 2.55
  }

  @Test
  void erasesByTimmsRule() {
    Erasing always = new Erasing(1, Fill.CONSTANT);
    for (int position = 0; position < 500; position++) {
      Box box = always.box(SIDE, SampleRandom.of(1, 0, position).stream(Stream.ERASING));
      assertThat(box.left() + box.width()).isLessThanOrEqualTo(SIDE);
      assertThat(box.top() + box.height()).isLessThanOrEqualTo(SIDE);
      double area = (double) box.width() * box.height() / (SIDE * SIDE);
      // Sides are rounded.
      assertThat(area).isBetween(0.015, 0.36);
      assertThat((double) box.height() / box.width()).isBetween(0.25, 4.0);
    }
  }

  @Test
  void erasesAsOftenAsAsked() {
    Erasing erasing = new Erasing(0.25, Fill.CONSTANT);
    int erased = 0;
    for (int position = 0; position < 1000; position++) {
      SampleRandom random = SampleRandom.of(1, 0, position).stream(Stream.ERASING);
      erased += erasing.box(SIDE, random) != null ? 1 : 0;
    }
    assertThat(erased).isBetween(200, 300);
  }

  @Test
  void erasedPixelsAreMeanOneColourOrNoise() {
    float[] before = resampled(9);
    for (Fill fill : Fill.values()) {
      Erasing erasing = new Erasing(1, fill);
      float[] after = written(Augmentation.NONE.withErasing(erasing), 9);
      Box box = erasing.box(SIDE, SampleRandom.of(3, 1, 9).stream(Stream.ERASING));
      int at = (box.top() * SIDE + box.left()) * 3;
      double squares = 0;
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          boolean inside =
              x >= box.left()
                  && x < box.left() + box.width()
                  && y >= box.top()
                  && y < box.top() + box.height();
          for (int i = (y * SIDE + x) * 3; i < (y * SIDE + x + 1) * 3; i++) {
            if (!inside) {
              assertThat(after[i]).isEqualTo(before[i]);
            } else if (fill == Fill.CONSTANT) {
              assertThat(after[i]).isZero();
            } else if (fill == Fill.COLOR) {
              assertThat(after[i]).isNotZero().isEqualTo(after[at + i % 3]);
            }
            squares += inside ? after[i] * after[i] : 0;
          }
        }
      }
      if (fill == Fill.PIXEL) {
        assertThat(squares / (box.width() * box.height() * 3)).isBetween(0.8, 1.2);
      }
    }
  }

  @Test
  void travelsWithAJob() throws IOException, ClassNotFoundException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(EVERYTHING);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject()).isEqualTo(EVERYTHING);
    }
  }

  @Test
  void rejectsWhatIsNoAugmentation() {
    assertThatThrownBy(() -> Augmentation.NONE.withColorJitter(-1))
        .hasMessage("Invalid colour jitter: -1.0 (must be >= 0)");
    assertThatThrownBy(() -> Augmentation.NONE.withLighting(Double.NaN))
        .hasMessage("Invalid lighting noise: NaN (must be >= 0)");
    assertThatThrownBy(() -> new Erasing(1.5, Fill.COLOR))
        .hasMessage("Invalid probability of erasing: 1.5 (must be in [0, 1])");
    assertThatThrownBy(() -> new Mixing(-1, 0))
        .hasMessage("Invalid alpha of Mixup: -1.0 (must be >= 0)");
    assertThatThrownBy(() -> new Mixing(0, Double.NaN))
        .hasMessage("Invalid alpha of CutMix: NaN (must be >= 0)");
    assertThatThrownBy(() -> Mixing.NONE.plan(8, SampleRandom.of(0, 0, 0)))
        .hasMessage("Cannot mix: neither Mixup nor CutMix is done");
  }
}
