package io.phiscale.pipeline.image;

/**
 * A resampling kernel. All but {@link #NEAREST} widen with the scale when an image is shrunk, which
 * is what makes the result free of aliasing; this is Pillow's rule ({@code libImaging/Resample.c}),
 * and not that of OpenCV's {@code INTER_LINEAR} and {@code INTER_CUBIC}, whose kernels keep their
 * width and skip pixels.
 */
public enum Interpolation {
  /** The one source pixel under the centre of the output pixel. */
  NEAREST(0.0) {
    @Override
    double weight(double x) {
      throw new UnsupportedOperationException("Nearest has no kernel");
    }
  },
  /** Triangle kernel. */
  BILINEAR(1.0) {
    @Override
    double weight(double x) {
      double distance = Math.abs(x);
      return distance < 1.0 ? 1.0 - distance : 0.0;
    }
  },
  /**
   * Keys' cubic convolution with a = -0.5, as Pillow and TensorFlow have it (OpenCV and PyTorch
   * tensors: -0.75).
   */
  BICUBIC(2.0) {
    @Override
    double weight(double x) {
      double a = -0.5;
      double d = Math.abs(x);
      if (d < 1.0) {
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
      }
      if (d < 2.0) {
        return (((d - 5.0) * d + 8.0) * d - 4.0) * a;
      }
      return 0.0;
    }
  },
  /** Mean over the area that an output pixel covers (Pillow's {@code BOX}). */
  AREA(0.5) {
    @Override
    double weight(double x) {
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    }
  };

  private final double support;

  Interpolation(double support) {
    this.support = support;
  }

  /** Half the width of the kernel, in output pixels. */
  double support() {
    return support;
  }

  /** The kernel at a distance of {@code x} output pixels, not normalised. */
  abstract double weight(double x);
}
