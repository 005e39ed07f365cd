package io.phiscale.model.kernels;

/** Tells an observer how long the phases of an operation take. Does nothing without one. */
final class PhaseClock {

  private Kernels.PhaseObserver observer;
  private long since;

  /**
   * @param newObserver null for none
   */
  void setObserver(Kernels.PhaseObserver newObserver) {
    observer = newObserver;
  }

  /** The first phase begins. */
  void start() {
    if (observer != null) {
      since = System.nanoTime();
    }
  }

  /** A phase ends, the next begins. */
  void lap(String phase) {
    if (observer != null) {
      long now = System.nanoTime();
      observer.took(phase, now - since);
      since = now;
    }
  }
}
