package io.phiscale.model.kernels;

/** Prints what a JVM without oneDNN's library answers, for {@link WithoutOneDnnTest}. */
final class WithoutOneDnn {

  private WithoutOneDnn() {}

  public static void main(String[] args) {
    try (Kernels kernels = Kernels.create(Kernels.ONEDNN, 1)) {
      System.out.println("made " + kernels.name());
    } catch (IllegalStateException e) {
      System.out.println(e.getMessage());
    }
    for (int i = 0; i < 2; i++) {
      try (Kernels kernels = Kernels.create(Kernels.AUTO, 1)) {
        System.out.println("auto is " + kernels.name());
      }
    }
  }
}
