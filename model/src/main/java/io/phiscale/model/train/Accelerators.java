package io.phiscale.model.train;

import java.util.Optional;

/** The GPUs that ND4J computes on in this JVM, as ND4J numbers them; none on the CPU back end. */
public interface Accelerators {

  /**
   * A GPU.
   *
   * @param index from 0, as ND4J and {@code nvidia-smi} count
   * @param name as its driver says
   * @param major of its compute capability
   * @param minor of its compute capability
   */
  record Device(int index, String name, int major, int minor) {
    private static final int FIRST_MAJOR = 3;
    private static final int FIRST_MINOR = 7;
    private static final int LAST_MAJOR = 8;

    /**
     * Why ND4J cannot compute on it; empty if it can. {@code nd4j-cuda-11.6} holds machine code for
     * compute capabilities 3.7 to 8.6, which runs on all of 8.x, and no PTX that a newer GPU's
     * driver could translate.
     */
    public Optional<String> problem() {
      boolean tooOld = major < FIRST_MAJOR || (major == FIRST_MAJOR && minor < FIRST_MINOR);
      if (!tooOld && major <= LAST_MAJOR) {
        return Optional.empty();
      }
      return Optional.of(
          String.format(
              "Cannot compute on GPU %s (%s, compute capability %s.%s): ND4J's CUDA 11.6 build has"
                  + " code for 3.7 to 8.9 (Tesla K80, Maxwell, Pascal, Volta, Turing, Ampere, Ada)"
                  + " only; use such a GPU, or a build without -Pcuda, which computes on the CPU",
              index, name, major, minor));
    }
  }

  /** How many there are; 0 on the CPU back end. */
  int count();

  /**
   * What one is.
   *
   * @param index in [0, {@link #count})
   */
  Device device(int index);

  /** The GPU that the calling thread computes on. */
  int current();

  /** Lets the calling thread compute on a GPU, and allocate there, from now on. */
  void use(int index);

  /** Those of ND4J. */
  static Accelerators ofNd4j() {
    return new Nd4jAccelerators();
  }
}
