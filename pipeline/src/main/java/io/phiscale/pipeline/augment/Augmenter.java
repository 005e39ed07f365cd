package io.phiscale.pipeline.augment;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.CropRegion;
import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Extent;
import io.phiscale.pipeline.image.DecodeResult.Size;
import io.phiscale.pipeline.image.ImageResampler;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.image.Normalization;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import java.nio.FloatBuffer;

/**
 * Carries out a transform and an {@link Augmentation} on one decoded image at a time.
 *
 * <p>Where no operation changes the 8-bit picture, an image goes from the resampler to normalised
 * floats without rounding, as if there were no augmentations; otherwise it is rounded to 8 bits in
 * between, as in timm, torchvision and the original.
 *
 * <p>What comes out is a function of (image, transform, augmentation, random numbers) alone. Reuses
 * its buffers. Not thread-safe: one per thread.
 */
public final class Augmenter {
  private final ImageTransform transform;
  private final Augmentation augmentation;
  private final WarpStyle meanColour;
  private final ImageResampler resampler = new ImageResampler();
  private final Picture picture = new Picture();
  private final float[] normalized = new float[Picture.CHANNELS * Picture.VALUES];
  private final float[] composed = new float[Picture.CHANNELS * Picture.VALUES];
  private final float[] line;

  /**
   * @param transform crop, resolution and normalisation
   * @param augmentation what else is done; mixing is the batch's affair and plays no part here
   */
  public Augmenter(ImageTransform transform, Augmentation augmentation) {
    this.transform = requireNonNull(transform, "transform");
    this.augmentation = requireNonNull(augmentation, "augmentation");
    Normalization normalization = transform.normalization();
    meanColour = WarpStyle.meanColour(transform.interpolation(), normalization);
    line = new float[transform.resolutionPx() * Picture.CHANNELS];
    ImageResampler.tabulate(normalization, normalized);
  }

  /**
   * How much of an image has to be decoded.
   *
   * @param whole its size
   * @param random the image's random numbers, the same ones as for what is done to it then
   */
  public Extent extent(Size whole, SampleRandom random) {
    return transform.extent(region(whole, random));
  }

  private CropRegion region(Size whole, SampleRandom random) {
    return transform.region(whole.widthPx(), whole.heightPx(), random);
  }

  /**
   * Writes one normalised image.
   *
   * @param image the image, open
   * @param random the image's random numbers
   * @param target receives (resolution, resolution, RGB) floats
   * @param offset index in {@code target} of the first float
   */
  public void write(Decoded image, SampleRandom random, FloatBuffer target, int offset) {
    if (augmentation.changesPictures()) {
      augment(image, random);
      normalize(target, offset);
    } else {
      resampler.resample(image, region(image.whole(), random), transform, target, offset);
    }
    Erasing erasing = augmentation.erasing();
    if (erasing.probability() > 0) {
      erasing.apply(target, offset, transform.resolutionPx(), line, random.stream(Stream.ERASING));
    }
  }

  /**
   * Returns the picture that the network sees, before normalisation and erasing.
   *
   * @param image the image, open
   * @param random the image's random numbers
   * @return (resolution, resolution, RGB) bytes; valid until the next call
   */
  public Picture picture(Decoded image, SampleRandom random) {
    augment(image, random);
    return picture;
  }

  private void augment(Decoded image, SampleRandom random) {
    int side = transform.resolutionPx();
    picture.resize(side, side);
    resampler.resample(image, region(image.whole(), random), transform, picture.pixels());
    augmentation.policy().apply(picture, random.stream(Stream.POLICY), meanColour);
    if (augmentation.colorJitter() > 0) {
      ColorJitter.apply(
          picture, augmentation.colorJitter(), random.stream(Stream.COLOR_JITTER), meanColour);
    }
    if (augmentation.lighting() > 0) {
      Lighting.apply(picture, augmentation.lighting(), random.stream(Stream.LIGHTING));
    }
  }

  /** Looks up normalised values, through the tables that the operations left. */
  private void normalize(FloatBuffer target, int offset) {
    byte[] tables = picture.tables();
    for (int c = 0; c < Picture.CHANNELS; c++) {
      for (int i = c * Picture.VALUES; i < (c + 1) * Picture.VALUES; i++) {
        composed[i] = normalized[c * Picture.VALUES + (tables[i] & 0xff)];
      }
    }
    byte[] pixels = picture.storedPixels();
    int from = 0;
    for (int row = 0; row < picture.heightPx(); row++) {
      for (int i = 0; i < line.length; i += Picture.CHANNELS) {
        line[i] = composed[pixels[from + i] & 0xff];
        line[i + 1] = composed[Picture.VALUES + (pixels[from + i + 1] & 0xff)];
        line[i + 2] = composed[2 * Picture.VALUES + (pixels[from + i + 2] & 0xff)];
      }
      target.put(offset + from, line, 0, line.length);
      from += line.length;
    }
  }
}
