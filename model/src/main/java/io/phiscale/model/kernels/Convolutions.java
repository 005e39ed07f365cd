package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import io.phiscale.model.kernels.OneDnnThread.Product;
import io.phiscale.model.kernels.OneDnnThread.Weights;

/**
 * Parts of convolutions, each by one member of a team. A convolution is divided into units: rows of
 * a product of matrices where it is pointwise, else images.
 */
final class Convolutions {

  /** What is meant to stay in a core's second-level cache (1 to 2 MiB). */
  static final long CHUNK_BYTES = 512L * 1024;

  private static final int CHUNK_ROWS = 512;

  private Convolutions() {}

  static int units(ConvolutionShape shape) {
    return shape.pointwise() ? Math.toIntExact(shape.input().rows()) : shape.input().batch();
  }

  /** Rows (pixels) of one unit of the output. */
  static int outputRows(ConvolutionShape shape) {
    return shape.pointwise() ? 1 : shape.outputHeight() * shape.outputWidth();
  }

  /** Values of one unit of the input. */
  static long inputUnit(ConvolutionShape shape) {
    return shape.input().elements() / units(shape);
  }

  /** Values of one unit of the output. */
  static long outputUnit(ConvolutionShape shape) {
    return shape.output().elements() / units(shape);
  }

  /**
   * Units that together stay in the cache between two passes over them, but not fewer rows of a
   * product than are worth the adding up of a weight gradient.
   */
  static int chunkUnits(ConvolutionShape shape) {
    long bytes = (inputUnit(shape) + outputUnit(shape)) * Float.BYTES;
    long fewest = shape.pointwise() ? CHUNK_ROWS : 1;
    return (int) Math.min(units(shape), Math.max(fewest, CHUNK_BYTES / bytes));
  }

  /** Multiplications, as a measure of what a second thread saves. */
  static long work(ConvolutionShape shape) {
    long perOutput =
        (long) shape.kernelHeight()
            * shape.kernelWidth()
            * (shape.depthwise() ? 1 : shape.input().channels());
    return shape.output().elements() * perOutput / 8;
  }

  /** The same convolution of so many units. */
  static ConvolutionShape ofUnits(ConvolutionShape shape, int units) {
    ImageShape in = shape.input();
    if (shape.pointwise()) {
      return ConvolutionShape.pointwise(
          new ImageShape(1, 1, units, in.channels()), shape.outputChannels());
    }
    return new ConvolutionShape(
        new ImageShape(units, in.height(), in.width(), in.channels()),
        shape.outputChannels(),
        shape.kernelHeight(),
        shape.kernelWidth(),
        shape.stride(),
        shape.padding(),
        shape.groups());
  }

  static void convolve(
      Member member,
      ConvolutionShape shape,
      int from,
      int count,
      Floats in,
      Floats filter,
      Weights state,
      long bias,
      Activation activation,
      Floats out) {
    member
        .oneDnn()
        .convolution(
            ofUnits(shape, count),
            in.address(from * inputUnit(shape)),
            filter.address(),
            state,
            bias,
            activation,
            out.address(from * outputUnit(shape)));
  }

  /**
   * The convolution, and mean and biased variance of its output's channels while that is in the
   * cache.
   */
  static void convolveWithMoments(
      OneDnnTeam team,
      ConvolutionShape shape,
      Floats in,
      Floats filter,
      Floats out,
      Floats means,
      Floats variances) {
    int channels = shape.outputChannels();
    int rows = outputRows(shape);
    int chunk = chunkUnits(shape);
    team.share(
        units(shape),
        work(shape),
        (member, from, end) -> {
          BatchNormLine.startMoments(member, (long) (end - from) * rows, channels);
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            convolve(
                member,
                shape,
                at,
                count,
                in,
                filter,
                at == from ? Weights.NEW : Weights.SAME,
                0,
                Activation.IDENTITY,
                out);
            BatchNormLine.addMoments(member, out, at * rows, count * rows, channels);
          }
        });
    BatchNormLine.combineMoments(
        team, team.shares(units(shape), work(shape)), channels, means, variances);
  }

  /**
   * @param upperFrom unit of {@code upper} that belongs to {@code from}
   */
  static void inputGradient(
      Member member,
      ConvolutionShape shape,
      int from,
      int count,
      Floats filter,
      Weights state,
      Floats upper,
      int upperFrom,
      Floats lower) {
    long upperAddress = upper.address(upperFrom * outputUnit(shape));
    long lowerAddress = lower.address(from * inputUnit(shape));
    if (shape.pointwise()) {
      int inputs = shape.input().channels();
      int outputs = shape.outputChannels();
      member
          .oneDnn()
          .product(
              new Product(count, outputs, inputs, outputs, 1, 1, outputs, inputs),
              upperAddress,
              filter.address(),
              0,
              lowerAddress);
    } else {
      member
          .oneDnn()
          .inputGradient(
              ofUnits(shape, count), filter.address(), state, upperAddress, lowerAddress);
    }
  }

  /**
   * @param upperFrom unit of {@code upper} that belongs to {@code from}
   */
  static void weightGradient(
      Member member,
      ConvolutionShape shape,
      int from,
      int count,
      Floats in,
      Floats upper,
      int upperFrom,
      Floats result) {
    if (member.depthwise().suits(shape)) {
      member.depthwise().compute(shape, from, upperFrom, count, in, upper, result);
    } else {
      member
          .oneDnn()
          .weightGradient(
              ofUnits(shape, count),
              in.address(from * inputUnit(shape)),
              upper.address(upperFrom * outputUnit(shape)),
              result.address());
    }
  }
}
