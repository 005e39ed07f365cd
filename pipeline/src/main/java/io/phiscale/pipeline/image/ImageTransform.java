package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Extent;
import java.io.Serializable;

/**
 * How a decoded image becomes the network's input: one region of it, resized to a square of {@link
 * #resolutionPx} and normalised. Output: (H, W, C) = (resolution, resolution, 3), float32, RGB.
 *
 * <p>A transform is a value: it holds no state and travels with the job. {@link ImageResampler}
 * carries it out.
 */
public sealed interface ImageTransform extends Serializable
    permits TrainTransform, EvaluationTransform {

  /** Side of the output, in pixels. */
  int resolutionPx();

  /** The resampling kernel. */
  Interpolation interpolation();

  /** What is subtracted and divided by, per channel. */
  Normalization normalization();

  /**
   * Chooses the region of an image.
   *
   * @param widthPx width of the decoded image
   * @param heightPx height of the decoded image
   * @param random the sample's random numbers; left alone by transforms without random choices
   * @return a region inside the image
   */
  CropRegion region(int widthPx, int heightPx, SampleRandom random);

  /** How much of a JPEG is decoded. */
  Decoding decoding();

  /**
   * How much of an image has to be decoded.
   *
   * @param region what is cut out of it, in pixels of the whole image
   */
  default Extent extent(CropRegion region) {
    int reduction = 1;
    if (decoding() == Decoding.SCALED) {
      int times = Math.min(region.width(), region.height()) / resolutionPx();
      while (reduction < ImageDecoder.MAX_REDUCTION && reduction * 2 <= times) {
        reduction *= 2;
      }
    }
    return new Extent(region.top() + region.height(), reduction);
  }

  /** Floats of one output image: resolution squared times 3. */
  default int valuesPerImage() {
    return resolutionPx() * resolutionPx() * ImageResampler.CHANNELS;
  }
}
