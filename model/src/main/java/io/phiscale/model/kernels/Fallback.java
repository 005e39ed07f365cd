package io.phiscale.model.kernels;

import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The portable path where the fast one cannot be taken, which is said once in a process. */
final class Fallback {

  private static final Logger LOG = LoggerFactory.getLogger(Fallback.class);
  private static final AtomicBoolean SAID = new AtomicBoolean();

  private Fallback() {}

  static Kernels nd4j() {
    if (SAID.compareAndSet(false, true)) {
      LOG.warn(
          "Computing with ND4J's operations, which is slower: {}",
          OneDnnKernels.unavailableReason());
    }
    return new Nd4jKernels();
  }
}
