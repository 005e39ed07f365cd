package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import io.phiscale.model.kernels.OneDnnThread.Elements;
import io.phiscale.model.kernels.OneDnnThread.Weights;
import java.util.Arrays;

/**
 * Convolutions of an inference whose feature maps may be FLOAT or bfloat16 in memory.
 *
 * <p>A product is made by pieces that stay in a core's cache; there a piece is brought to the kind
 * of number that the product computes with, multiplied by the gate of squeeze and excitation where
 * there is one, and its result brought to that of the output. So a gated feature map is never in
 * memory, and bfloat16 in memory does not ask for products of bfloat16, which only some CPUs do
 * fast.
 *
 * <p>Depthwise convolutions of bfloat16 compute with bfloat16 weights, sums are FLOAT everywhere.
 */
final class ReducedInference {

  /** Rows of a product below which reading the weights again and again costs more. */
  private static final int FEWEST_ROWS = 128;

  private static final String INPUT = "converted input";
  private static final String WIDENED = "widened input";
  private static final String OUTPUT = "unconverted output";

  private final OneDnnTeam team;
  private final Element products;

  /**
   * A feature map in native memory.
   *
   * @param floats the same as FLOATs; null where it is bfloat16
   */
  record Tensor(long address, Element element, Floats floats) {
    static Tensor of(Floats floats) {
      return new Tensor(floats.address(), Element.FLOAT, floats);
    }

    static Tensor ofBfloat16(long address) {
      return new Tensor(address, Element.BFLOAT16, null);
    }

    long at(long index) {
      return address + index * element.bytes();
    }
  }

  /**
   * @param products what pointwise convolutions compute with where a feature map is bfloat16
   */
  ReducedInference(OneDnnTeam team, Element products) {
    this.team = team;
    this.products = products;
  }

  /**
   * @param bias address, or 0 for none
   */
  void convolution(
      ConvolutionShape shape,
      Tensor in,
      Floats filter,
      long bias,
      Activation activation,
      Tensor out) {
    if (shape.pointwise()) {
      product(shape, in, null, filter, bias, activation, out);
    } else if (shape.input().batch() == 1) {
      team.share(
          shape.outputHeight(),
          Convolutions.work(shape),
          (member, from, end) -> {
            ConvolutionShape.Band band = shape.band(from, end);
            long row = (long) shape.input().width() * shape.input().channels();
            windowed(
                member,
                band.shape(),
                in,
                band.firstRow() * row,
                filter,
                bias,
                activation,
                out,
                (long) from * shape.outputWidth() * shape.outputChannels());
          });
    } else {
      team.share(
          shape.input().batch(),
          Convolutions.work(shape),
          (member, from, end) -> {
            int chunk = in.element() == out.element() ? end - from : 1;
            for (int at = from; at < end; at += chunk) {
              windowed(
                  member,
                  Convolutions.ofUnits(shape, chunk),
                  in,
                  at * Convolutions.inputUnit(shape),
                  filter,
                  bias,
                  activation,
                  out,
                  at * Convolutions.outputUnit(shape));
            }
          });
    }
  }

  private static void windowed(
      Member member,
      ConvolutionShape shape,
      Tensor in,
      long inputAt,
      Floats filter,
      long bias,
      Activation activation,
      Tensor out,
      long outputAt) {
    // oneDNN computes from bfloat16 to both, from FLOAT to FLOAT only.
    boolean converted = in.element() == Element.FLOAT && out.element() == Element.BFLOAT16;
    long count = shape.output().elements();
    long target = converted ? member.buffer(OUTPUT, count).address() : out.at(outputAt);
    member
        .oneDnn()
        .convolution(
            shape,
            new Elements(in.element(), in.element(), converted ? Element.FLOAT : out.element()),
            in.at(inputAt),
            filter.address(),
            Weights.NEW,
            bias,
            activation,
            target);
    if (converted) {
      member.oneDnn().convert(Element.FLOAT, target, out.element(), out.at(outputAt), count);
    }
  }

  /**
   * A pointwise convolution of input · gate.
   *
   * @param gate (N, inputs), a factor per image and channel; null for 1
   */
  void product(
      ConvolutionShape shape,
      Tensor in,
      Floats gate,
      Floats filter,
      long bias,
      Activation activation,
      Tensor out) {
    int inputs = shape.input().channels();
    int outputs = shape.outputChannels();
    int pixels = Math.toIntExact(shape.input().pixels());
    Element element =
        in.element() == Element.FLOAT && out.element() == Element.FLOAT ? Element.FLOAT : products;
    boolean inPlace = gate == null && in.element() == element;
    boolean narrowed = element == Element.FLOAT && out.element() == Element.BFLOAT16;
    Elements elements = new Elements(element, element, narrowed ? Element.FLOAT : out.element());
    Weights state = element == Element.BFLOAT16 ? Weights.KEPT : Weights.NEW;
    int chunk =
        (int)
            Math.max(
                FEWEST_ROWS,
                Convolutions.CHUNK_BYTES
                    / ((long) Float.BYTES
                        * ((inPlace ? 0 : inputs) + (narrowed ? outputs : 0) + 1)));
    team.share(
        Convolutions.units(shape),
        Convolutions.work(shape),
        (member, from, end) -> {
          for (int at = from; at < end; at += chunk) {
            int rows = Math.min(chunk, end - at);
            long source =
                inPlace
                    ? in.at((long) at * inputs)
                    : gate == null
                        ? converted(member, in, (long) at * inputs, element, (long) rows * inputs)
                        : gated(member, in, gate, at, rows, inputs, pixels, element);
            long count = (long) rows * outputs;
            long result = out.at((long) at * outputs);
            long target = narrowed ? member.buffer(OUTPUT, count).address() : result;
            member
                .oneDnn()
                .convolution(
                    Convolutions.ofUnits(shape, rows),
                    elements,
                    source,
                    filter.address(),
                    state,
                    bias,
                    activation,
                    target);
            if (narrowed) {
              member.oneDnn().convert(Element.FLOAT, target, Element.BFLOAT16, result, count);
            }
          }
        });
  }

  private static long converted(Member member, Tensor in, long from, Element to, long count) {
    long target = member.buffer(INPUT, count).address();
    member.oneDnn().convert(in.element(), in.at(from), to, target, count);
    return target;
  }

  /** Rows [at, at + rows) times the gates of their images. */
  private static long gated(
      Member member,
      Tensor in,
      Floats gate,
      int at,
      int rows,
      int channels,
      int pixels,
      Element element) {
    long count = (long) rows * channels;
    Floats product = member.buffer(WIDENED, count);
    Floats source = in.floats();
    int sourceRow = at;
    if (source == null) {
      member
          .oneDnn()
          .convert(
              in.element(), in.at((long) at * channels), Element.FLOAT, product.address(), count);
      source = product;
      sourceRow = 0;
    }
    float[] factor = member.channels("factor", channels);
    float[] offset = member.channels("offset", channels);
    Arrays.fill(offset, 0, channels, 0f);
    for (int row = 0; row < rows; ) {
      int image = (at + row) / pixels;
      int ofImage = Math.min(rows - row, (image + 1) * pixels - (at + row));
      gate.read(image * channels, factor, 0, channels);
      member
          .passes()
          .affine(
              source,
              sourceRow + row,
              product,
              row,
              ofImage,
              channels,
              factor,
              offset,
              Activation.IDENTITY);
      row += ofImage;
    }
    return element == Element.FLOAT
        ? product.address()
        : converted(member, Tensor.of(product), 0, element, count);
  }

  /** Mean over H and W of bfloat16. */
  void pool(ImageShape shape, Tensor in, Floats out) {
    int channels = shape.channels();
    int pixels = Math.toIntExact(shape.pixels());
    int chunk = (int) Math.max(1, Convolutions.CHUNK_BYTES / Float.BYTES / channels);
    team.share(
        shape.batch(),
        shape.elements(),
        (member, from, end) -> {
          float[] zero = member.channels("zero", channels);
          for (int n = from; n < end; n++) {
            double[] total = member.cleared("sums", channels);
            double[] unused = member.cleared("unused", channels);
            for (int at = 0; at < pixels; at += chunk) {
              int rows = Math.min(chunk, pixels - at);
              long count = (long) rows * channels;
              Floats piece = member.buffer(WIDENED, count);
              member
                  .oneDnn()
                  .convert(
                      in.element(),
                      in.at(((long) n * pixels + at) * channels),
                      Element.FLOAT,
                      piece.address(),
                      count);
              member.passes().moments(piece, 0, rows, channels, zero, total, unused);
            }
            for (int c = 0; c < channels; c++) {
              out.put(n * channels + c, (float) (total[c] / pixels));
            }
          }
        });
  }
}
