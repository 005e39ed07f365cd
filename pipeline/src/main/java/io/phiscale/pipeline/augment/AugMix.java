package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;
import java.util.List;

/**
 * AugMix's pictures (Hendrycks et al. 2020, arXiv 1912.02781): several chains of operations, mixed
 * with each other and with the original. The consistency loss of the paper is not part of it.
 *
 * <pre>
 *   w ~ Dirichlet(alpha, ...),  m ~ Beta(alpha, alpha)
 *   mixed  = sum over chains of w_i chain_i(picture),  cut off to 8 bits
 *   result = (1 - m) picture + m mixed
 * </pre>
 *
 * <p>Source: timm's {@code augmix-m3} (AugMixAugment, not blended): each operation at a magnitude
 * drawn evenly below the given one.
 *
 * @param magnitude the largest level, 0 to 10; timm's default is 3
 * @param chains number of chains, greater than 0; 3 in the paper
 * @param depth operations per chain; 0: 1 to 3, drawn, as in the paper
 * @param alpha parameter of both distributions, greater than 0; 1 in the paper
 */
public record AugMix(double magnitude, int chains, int depth, double alpha) implements Policy {
  static final List<LevelledOperation> OPERATIONS =
      List.of(
          LevelledOperation.AUTO_CONTRAST,
          LevelledOperation.COLOR_INCREASING,
          LevelledOperation.CONTRAST_INCREASING,
          LevelledOperation.BRIGHTNESS_INCREASING,
          LevelledOperation.SHARPNESS_INCREASING,
          LevelledOperation.EQUALIZE,
          LevelledOperation.ROTATE,
          LevelledOperation.POSTERIZE_INCREASING,
          LevelledOperation.SOLARIZE_INCREASING,
          LevelledOperation.SHEAR_X,
          LevelledOperation.SHEAR_Y,
          LevelledOperation.TRANSLATE_X_REL,
          LevelledOperation.TRANSLATE_Y_REL);

  private static final int DEEPEST = 3;

  public AugMix {
    if (!(magnitude >= 0 && magnitude <= 10)) {
      throw new IllegalArgumentException(
          "Invalid magnitude: %s (must be in [0, 10])".formatted(magnitude));
    }
    if (chains <= 0) {
      throw new IllegalArgumentException("Invalid chains: " + chains + " (must be > 0)");
    }
    if (depth < 0) {
      throw new IllegalArgumentException("Invalid depth: " + depth + " (must be >= 0)");
    }
    if (!(alpha > 0) || alpha == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("Invalid alpha: " + alpha + " (must be > 0)");
    }
  }

  /** Returns the paper's three chains of one to three operations. */
  public static AugMix ofMagnitude(double magnitude) {
    return new AugMix(magnitude, 3, 0, 1);
  }

  @Override
  public void apply(Picture picture, SampleRandom random, WarpStyle meanColour) {
    double[] weights = new double[chains];
    Distributions.dirichlet(alpha, weights, random);
    float share = (float) Distributions.beta(alpha, random);
    Picture chain = picture.sibling();
    int length = picture.length();
    float[] mixed = picture.sums(length);
    for (double weight : weights) {
      chain.copyOf(picture);
      int operations = depth > 0 ? depth : 1 + random.nextInt(DEEPEST);
      for (int i = 0; i < operations; i++) {
        LevelledOperation operation = OPERATIONS.get(random.nextInt(OPERATIONS.size()));
        operation.apply(
            chain,
            random.nextDouble(0, magnitude),
            random,
            meanColour,
            TranslationScale.TIMM_AUG_MIX);
      }
      addTo(mixed, chain.pixels(), length, (float) weight);
    }
    byte[] pixels = picture.pixels();
    for (int i = 0; i < length; i++) {
      int original = pixels[i] & 0xff;
      int other = Math.min(255, (int) mixed[i]);
      pixels[i] = (byte) (int) (original + share * (other - original));
    }
  }

  private static void addTo(float[] sums, byte[] pixels, int length, float weight) {
    for (int i = 0; i < length; i++) {
      sums[i] += weight * (pixels[i] & 0xff);
    }
  }
}
