package io.phiscale.jobs.train;

/**
 * Cuts the vector [parameters, optimizer state] into slices of equal length (the last is shorter).
 *
 * @param length values in the whole vector
 * @param sliceLength values in a slice
 */
record Slices(int length, int sliceLength) {
  /** 1 MiB: enough slices to spread a small network, few enough to keep the shuffle cheap. */
  static final int DEFAULT_SLICE_LENGTH = 1 << 18;

  Slices {
    if (length <= 0 || sliceLength <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid slices: %s values by %s (both must be > 0)", length, sliceLength));
    }
  }

  int count() {
    return (length + sliceLength - 1) / sliceLength;
  }

  int start(int slice) {
    return slice * sliceLength;
  }

  int end(int slice) {
    return Math.min(length, start(slice) + sliceLength);
  }

  /** A slice of two vectors laid end to end, copied. */
  FloatVector cut(int slice, float[] first, float[] second) {
    float[] values = new float[end(slice) - start(slice)];
    int split = Math.min(values.length, Math.max(0, first.length - start(slice)));
    System.arraycopy(first, Math.min(start(slice), first.length), values, 0, split);
    if (split < values.length) {
      System.arraycopy(
          second, start(slice) + split - first.length, values, split, values.length - split);
    }
    return new FloatVector(values);
  }

  /** Writes a slice back into two vectors laid end to end. */
  void paste(int slice, FloatVector from, float[] first, float[] second) {
    float[] values = from.values();
    if (values.length != end(slice) - start(slice)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid slice %s: %s values (must be %s)",
              slice, values.length, end(slice) - start(slice)));
    }
    int split = Math.min(values.length, Math.max(0, first.length - start(slice)));
    System.arraycopy(values, 0, first, Math.min(start(slice), first.length), split);
    if (split < values.length) {
      System.arraycopy(
          values, split, second, start(slice) + split - first.length, values.length - split);
    }
  }
}
