package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.io.Serializable;

/**
 * Mean and mean square of an image's colours, in [0, 1]: from all pixels of at most {@value #ROWS}
 * rows, evenly spread, so that large images cost no more than small ones.
 *
 * @param red mean of the red channel
 * @param green mean of the green channel
 * @param blue mean of the blue channel
 * @param redSquare mean of the squares
 * @param greenSquare mean of the squares
 * @param blueSquare mean of the squares
 */
public record ColourMoments(
    double red, double green, double blue, double redSquare, double greenSquare, double blueSquare)
    implements Serializable {
  /** The most rows that are looked at. */
  public static final int ROWS = 64;

  /** The moments of an image, which stays open. */
  public static ColourMoments of(Decoded image) {
    int width = image.widthPx();
    int rows = Math.min(ROWS, image.heightPx());
    byte[] line = new byte[width * ImageResampler.CHANNELS];
    long[] sums = new long[ImageResampler.CHANNELS];
    long[] squares = new long[ImageResampler.CHANNELS];
    for (int row = 0; row < rows; row++) {
      int y = (int) ((2L * row + 1) * image.heightPx() / (2L * rows));
      image.copyRows(0, y, width, 1, line);
      for (int channel = 0; channel < ImageResampler.CHANNELS; channel++) {
        long sum = 0;
        long square = 0;
        for (int at = channel; at < line.length; at += ImageResampler.CHANNELS) {
          int value = line[at] & 0xff;
          sum += value;
          square += (long) value * value;
        }
        sums[channel] += sum;
        squares[channel] += square;
      }
    }
    double pixels = (double) rows * width;
    double once = pixels * 255;
    double twice = once * 255;
    return new ColourMoments(
        sums[0] / once,
        sums[1] / once,
        sums[2] / once,
        squares[0] / twice,
        squares[1] / twice,
        squares[2] / twice);
  }
}
