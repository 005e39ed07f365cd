package io.phiscale.pipeline.image;

/**
 * Whether Java's Vector API is there: an incubator module of Java 17 (start Java with {@code
 * --add-modules jdk.incubator.vector}). The class that uses it is named here only, and as text, so
 * that it is never loaded where the module is not.
 */
final class VectorModule {
  private static final String MODULE = "jdk.incubator.vector";

  /** Later versions have other methods for the same things. */
  private static final int JAVA_VERSION = 17;

  static final boolean PRESENT =
      ModuleLayer.boot().findModule(MODULE).isPresent()
          && Runtime.version().feature() == JAVA_VERSION;

  static {
    // Read when the API's first class loads, which may be here or in the kernels of training: both
    // check their ranges once, not at every vector.
    String check = "jdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK";
    if (PRESENT && System.getProperty(check) == null) {
      System.setProperty(check, "0");
    }
  }

  private VectorModule() {}

  static WeightedSums weightedSums() {
    String name = VectorModule.class.getPackageName() + ".VectorWeightedSums";
    try {
      return Class.forName(name)
          .asSubclass(WeightedSums.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Cannot load " + name, e);
    }
  }
}
