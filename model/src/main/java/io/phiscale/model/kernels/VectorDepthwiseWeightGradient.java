package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.VectorMath.LANES;
import static io.phiscale.model.kernels.VectorMath.SPECIES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * {@link DepthwiseWeightGradient} of 5x5 kernels (and of 3x3 ones on tiny images) in Java's Vector
 * API, where oneDNN 3.11 is slow (12 cycles per product of vectors for 5x5, about one for 3x3,
 * which is left to it).
 *
 * <p>Rows of the input are copied into a ring of five rows on the heap, with their padding, so that
 * no window has an edge; four neighbouring output pixels then share their input pixels and one load
 * and store of the five sums of a kernel row.
 */
final class VectorDepthwiseWeightGradient implements DepthwiseWeightGradient {

  private static final int KERNEL = 5;
  private static final int PIXELS = 4;

  /** As the middle of a 5x5 kernel, for images on which oneDNN is slow. */
  private static final int SMALL_KERNEL = 3;

  /** Pixels of an output; oneDNN takes 15 times longer at 2x2, is faster from about 4x4. */
  private static final int SMALL_IMAGE = 9;

  private float[] ring = new float[0];
  private float[] upper = new float[0];
  private float[] sums = new float[0];

  @Override
  public boolean suits(ConvolutionShape shape) {
    int kernel = shape.kernelHeight();
    return shape.depthwise()
        && kernel == shape.kernelWidth()
        && (kernel == KERNEL
            || (kernel == SMALL_KERNEL
                && shape.outputHeight() * shape.outputWidth() <= SMALL_IMAGE));
  }

  @Override
  public void compute(
      ConvolutionShape shape,
      int firstImage,
      int firstGradient,
      int images,
      Floats input,
      Floats outputGradient,
      Floats weightGradient) {
    ImageShape in = shape.input();
    ImageShape out = shape.output();
    int stride = shape.stride();
    int channels = in.channels();
    int width = (channels + LANES - 1) / LANES * LANES;
    int groups = (out.width() + PIXELS - 1) / PIXELS;
    int rowPixels = (groups * PIXELS - 1) * stride + KERNEL;
    int rowLength = rowPixels * width;
    if (ring.length < KERNEL * rowLength) {
      ring = new float[KERNEL * rowLength];
    }
    if (upper.length < groups * PIXELS * width) {
      upper = new float[groups * PIXELS * width];
    }
    if (sums.length < KERNEL * KERNEL * width) {
      sums = new float[KERNEL * KERNEL * width];
    }
    // Padding stays zero: only pixels of the image are ever written.
    Arrays.fill(ring, 0, KERNEL * rowLength, 0f);
    Arrays.fill(upper, 0, groups * PIXELS * width, 0f);
    Arrays.fill(sums, 0, KERNEL * KERNEL * width, 0f);
    int kernel = shape.kernelHeight();
    int margin = (KERNEL - kernel) / 2;
    int top = shape.padding().top() + margin;
    int left = shape.padding().left() + margin;
    int columns = Math.min(in.width(), rowPixels - left);
    for (int n = firstImage; n < firstImage + images; n++) {
      int loaded = top;
      for (int y = 0; y < out.height(); y++) {
        int end = Math.min(y * stride + KERNEL, top + in.height());
        for (; loaded < end; loaded++) {
          copyPixels(
              input,
              ((n * in.height() + loaded - top) * in.width()) * channels,
              columns,
              channels,
              ring,
              loaded % KERNEL * rowLength + left * width,
              width);
        }
        copyPixels(
            outputGradient,
            ((firstGradient + n - firstImage) * out.height() + y) * out.width() * channels,
            out.width(),
            channels,
            upper,
            0,
            width);
        for (int j = margin; j < KERNEL - margin; j++) {
          int row = y * stride + j;
          if (row < top || row >= top + in.height()) {
            continue;
          }
          int from = row % KERNEL * rowLength;
          int tap = j * KERNEL * width;
          for (int group = 0; group < groups; group++) {
            int first = from + group * PIXELS * stride * width;
            int gradient = group * PIXELS * width;
            if (stride == 1) {
              addPixels(ring, first, upper, gradient, sums, tap, width);
            } else {
              addSpacedPixels(ring, first, upper, gradient, sums, tap, width);
            }
          }
        }
      }
    }
    for (int j = 0; j < kernel; j++) {
      for (int i = 0; i < kernel; i++) {
        weightGradient.write(
            (j * kernel + i) * channels,
            sums,
            ((j + margin) * KERNEL + i + margin) * width,
            channels);
      }
    }
  }

  private static void copyPixels(
      Floats source, int from, int pixels, int channels, float[] target, int to, int width) {
    if (pixels <= 0) {
      return;
    }
    if (channels == width) {
      source.read(from, target, to, pixels * channels);
    } else {
      for (int i = 0; i < pixels; i++) {
        source.read(from + i * channels, target, to + i * width, channels);
      }
    }
  }

  private static FloatVector at(float[] values, int index) {
    return FloatVector.fromArray(SPECIES, values, index);
  }

  /** Five taps, four pixels next to each other. */
  private static void addPixels(
      float[] in, int from, float[] upper, int gradient, float[] sums, int tap, int width) {
    for (int c = 0; c < width; c += LANES) {
      FloatVector s0 = at(sums, tap + c);
      FloatVector s1 = at(sums, tap + width + c);
      FloatVector s2 = at(sums, tap + 2 * width + c);
      FloatVector s3 = at(sums, tap + 3 * width + c);
      FloatVector s4 = at(sums, tap + 4 * width + c);
      FloatVector x1 = at(in, from + width + c);
      FloatVector x2 = at(in, from + 2 * width + c);
      FloatVector x3 = at(in, from + 3 * width + c);
      FloatVector x4 = at(in, from + 4 * width + c);
      FloatVector g = at(upper, gradient + c);
      s0 = at(in, from + c).fma(g, s0);
      s1 = x1.fma(g, s1);
      s2 = x2.fma(g, s2);
      s3 = x3.fma(g, s3);
      s4 = x4.fma(g, s4);
      g = at(upper, gradient + width + c);
      FloatVector x5 = at(in, from + 5 * width + c);
      s0 = x1.fma(g, s0);
      s1 = x2.fma(g, s1);
      s2 = x3.fma(g, s2);
      s3 = x4.fma(g, s3);
      s4 = x5.fma(g, s4);
      g = at(upper, gradient + 2 * width + c);
      FloatVector x6 = at(in, from + 6 * width + c);
      s0 = x2.fma(g, s0);
      s1 = x3.fma(g, s1);
      s2 = x4.fma(g, s2);
      s3 = x5.fma(g, s3);
      s4 = x6.fma(g, s4);
      g = at(upper, gradient + 3 * width + c);
      s0 = x3.fma(g, s0);
      s1 = x4.fma(g, s1);
      s2 = x5.fma(g, s2);
      s3 = x6.fma(g, s3);
      s4 = at(in, from + 7 * width + c).fma(g, s4);
      s0.intoArray(sums, tap + c);
      s1.intoArray(sums, tap + width + c);
      s2.intoArray(sums, tap + 2 * width + c);
      s3.intoArray(sums, tap + 3 * width + c);
      s4.intoArray(sums, tap + 4 * width + c);
    }
  }

  /** Five taps, four pixels two apart. */
  private static void addSpacedPixels(
      float[] in, int from, float[] upper, int gradient, float[] sums, int tap, int width) {
    for (int c = 0; c < width; c += LANES) {
      FloatVector s0 = at(sums, tap + c);
      FloatVector s1 = at(sums, tap + width + c);
      FloatVector s2 = at(sums, tap + 2 * width + c);
      FloatVector s3 = at(sums, tap + 3 * width + c);
      FloatVector s4 = at(sums, tap + 4 * width + c);
      FloatVector x2 = at(in, from + 2 * width + c);
      FloatVector x3 = at(in, from + 3 * width + c);
      FloatVector x4 = at(in, from + 4 * width + c);
      FloatVector g = at(upper, gradient + c);
      s0 = at(in, from + c).fma(g, s0);
      s1 = at(in, from + width + c).fma(g, s1);
      s2 = x2.fma(g, s2);
      s3 = x3.fma(g, s3);
      s4 = x4.fma(g, s4);
      g = at(upper, gradient + width + c);
      FloatVector x5 = at(in, from + 5 * width + c);
      FloatVector x6 = at(in, from + 6 * width + c);
      s0 = x2.fma(g, s0);
      s1 = x3.fma(g, s1);
      s2 = x4.fma(g, s2);
      s3 = x5.fma(g, s3);
      s4 = x6.fma(g, s4);
      g = at(upper, gradient + 2 * width + c);
      FloatVector x7 = at(in, from + 7 * width + c);
      FloatVector x8 = at(in, from + 8 * width + c);
      s0 = x4.fma(g, s0);
      s1 = x5.fma(g, s1);
      s2 = x6.fma(g, s2);
      s3 = x7.fma(g, s3);
      s4 = x8.fma(g, s4);
      g = at(upper, gradient + 3 * width + c);
      s0 = x6.fma(g, s0);
      s1 = x7.fma(g, s1);
      s2 = x8.fma(g, s2);
      s3 = at(in, from + 9 * width + c).fma(g, s3);
      s4 = at(in, from + 10 * width + c).fma(g, s4);
      s0.intoArray(sums, tap + c);
      s1.intoArray(sums, tap + width + c);
      s2.intoArray(sums, tap + 2 * width + c);
      s3.intoArray(sums, tap + 3 * width + c);
      s4.intoArray(sums, tap + 4 * width + c);
    }
  }
}
