package io.phiscale.model.kernels;

import java.lang.reflect.Constructor;

/**
 * Whether Java's Vector API is there. The classes that use it are named here only, and as text, so
 * that they are never loaded where it is not.
 */
final class VectorSupport {

  private static final String MODULE = "jdk.incubator.vector";

  /** Later versions have other methods for the same things. */
  private static final int JAVA_VERSION = 17;

  private static final boolean PRESENT =
      ModuleLayer.boot().findModule(MODULE).isPresent()
          && Runtime.version().feature() == JAVA_VERSION;

  static {
    // Read when the API's first class loads. Our passes check their ranges once, not at every
    // vector: 5% of a training step.
    String check = "jdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK";
    if (PRESENT && System.getProperty(check) == null) {
      System.setProperty(check, "0");
    }
  }

  private VectorSupport() {}

  /** Whether the module is in this Java, of the version that the passes are written for. */
  static boolean present() {
    return PRESENT;
  }

  static Passes passes() {
    return PRESENT ? (Passes) make("VectorPasses") : new PlainPasses();
  }

  /** Suits no shape where oneDNN has to do it. */
  static DepthwiseWeightGradient depthwiseWeightGradient() {
    return PRESENT
        ? (DepthwiseWeightGradient) make("VectorDepthwiseWeightGradient")
        : new LeftToOneDnn();
  }

  private static final class LeftToOneDnn implements DepthwiseWeightGradient {
    @Override
    public boolean suits(ConvolutionShape shape) {
      return false;
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
      throw new IllegalStateException("Cannot compute: no vectors in this Java");
    }
  }

  private static Object make(String name) {
    try {
      Constructor<?> constructor =
          Class.forName(VectorSupport.class.getPackageName() + "." + name).getDeclaredConstructor();
      return constructor.newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Cannot load " + name, e);
    }
  }
}
