package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import io.phiscale.model.kernels.OneDnnThread.Product;
import io.phiscale.model.kernels.OneDnnThread.Result;
import io.phiscale.model.kernels.OneDnnThread.Weights;
import java.util.Arrays;

/**
 * An inverted bottleneck as few passes over memory: what lies between two convolutions is made in
 * pieces that stay in a core's cache, when they are needed, and never written to memory.
 *
 * <p>Forward, with a barrier where a batch norm's statistics have to be known:
 *
 * <ol>
 *   <li>expansion, with the moments of what it computes;
 *   <li>image by image: batch norm and swish, the depthwise convolution of it, its moments;
 *   <li>image by image: batch norm and swish, pooled; the gate; gated, projected; its moments;
 *   <li>batch norm of the projection and the shortcut.
 * </ol>
 *
 * <p>Backward: the same, from the end. Read from memory are the outputs of the convolutions and two
 * gradients as large as they are, which all blocks of a replica share.
 *
 * <p>With {@link Precision#BF16}, what is as large as an expanded image (the outputs of the first
 * two convolutions and the two gradients) lies in memory as bfloat16, and is brought to FLOAT and
 * back in a core's cache. On a CPU with AMX the operands of products are bfloat16 too, and their
 * sums FLOAT; all other arithmetic is FLOAT.
 *
 * <p>Images are divided among the members of the team.
 */
final class FusedMBConv {

  private static final String SUMS = "block sums";
  private static final String PRODUCTS = "block products";
  private static final String POOL = "pool";

  /** Buffers for what is kept as bfloat16. */
  private static final String CONVOLVED = "convolved";

  private static final String FILTERED = "filtered";
  private static final String GRADIENT = "filtered gradient";
  private static final String WIDE_GRADIENT = "wide gradient";
  private static final String WIDE_OPERAND = "wide operand";
  private static final String NARROW_OPERAND = "narrow operand";
  private static final String EXPANSION_PART = "expansion part";
  private static final String DEPTHWISE_PART = "depthwise part";
  private static final String PROJECTION_PART = "projection part";

  /** Rows of a product below which it is slower per row. */
  private static final int FEWEST_ROWS = 96;

  private final OneDnnTeam team;
  private final Precision precision;
  private final Element operands;
  private final PhaseClock clock;
  private final BatchNormLine expansionLine = new BatchNormLine();
  private final BatchNormLine depthwiseLine = new BatchNormLine();
  private final BatchNormLine projectionLine = new BatchNormLine();

  /**
   * @param support what the CPU does with bfloat16: products are made of it where it has tiles
   */
  FusedMBConv(OneDnnTeam team, Precision precision, Bfloat16Support support, PhaseClock clock) {
    this.team = team;
    this.precision = precision;
    this.operands =
        precision == Precision.BF16 && support == Bfloat16Support.TILES
            ? Element.BFLOAT16
            : Element.FLOAT;
    this.clock = clock;
  }

  /** Memory of {@link NormalisedWeights} or their gradients. */
  record Parameters(Floats weights, Floats scale, Floats shift) {}

  /** Memory of {@link NormalisedState}. */
  record Kept(WideTensor convolved, Floats mean, Floats variance) {}

  /** Memory of the projection's {@link NormalisedState}, which is narrow. */
  record KeptNarrow(Floats convolved, Floats mean, Floats variance) {}

  /** Memory of {@link SqueezeExcitationWeights} or their gradients. */
  record Squeeze(
      Floats reduceWeights, Floats reduceBias, Floats expandWeights, Floats expandBias) {}

  /** Memory of {@link SqueezeExcitationState}. */
  record Gates(Floats pooled, Floats reduced, Floats gate) {}

  /** Memory of {@link MBConvWeights} or their gradients; null where the block has no such part. */
  record BlockParameters(
      Parameters expansion, Parameters depthwise, Squeeze squeeze, Parameters projection) {}

  /** Memory of {@link MBConvState}; null where the block has no such part. */
  record BlockKept(Kept expansion, Kept depthwise, Gates squeeze, KeptNarrow projection) {}

  private static void set(
      BatchNormLine line,
      MBConvShape shape,
      int channels,
      Parameters parameters,
      Floats mean,
      Floats variance) {
    line.set(channels, shape.epsilon(), parameters.scale(), parameters.shift(), mean, variance);
  }

  private void setExpansion(MBConvShape shape, BlockParameters parameters, BlockKept kept) {
    int channels = shape.depthwise().input().channels();
    Kept state = kept.expansion();
    set(expansionLine, shape, channels, parameters.expansion(), state.mean(), state.variance());
  }

  private void setDepthwise(MBConvShape shape, BlockParameters parameters, BlockKept kept) {
    int channels = shape.depthwise().outputChannels();
    Kept state = kept.depthwise();
    set(depthwiseLine, shape, channels, parameters.depthwise(), state.mean(), state.variance());
  }

  private void setProjection(MBConvShape shape, BlockParameters parameters, BlockKept kept) {
    int channels = shape.projection().outputChannels();
    KeptNarrow state = kept.projection();
    set(projectionLine, shape, channels, parameters.projection(), state.mean(), state.variance());
  }

  // ---------------------------------------------------------------- products

  /**
   * Where the weights of products lie as operands: rounded once for all pieces of a convolution.
   */
  private long operand(String name, Floats weights) {
    if (operands == Element.FLOAT) {
      return weights.address();
    }
    long address = team.buffer(name, (weights.length() + 1) / 2).address();
    team.run(
        1,
        (member, part) ->
            member
                .oneDnn()
                .convert(Element.FLOAT, weights.address(), operands, address, weights.length()));
    return address;
  }

  /** FLOATs of a member as an operand, in its own buffer if they have to be rounded. */
  private long operand(Member member, String name, long floats, long count) {
    if (operands == Element.FLOAT) {
      return floats;
    }
    long address = member.buffer(name, (count + 1) / 2).address();
    member.oneDnn().convert(Element.FLOAT, floats, operands, address, count);
    return address;
  }

  // ---------------------------------------------------------------- forward

  void training(
      MBConvShape shape,
      BlockParameters parameters,
      Floats input,
      Floats sampleScale,
      BlockKept kept,
      Floats output) {
    clock.start();
    if (shape.expansion().isPresent()) {
      expansion(shape.expansion().get(), parameters, input, kept);
      setExpansion(shape, parameters, kept);
      clock.lap("expansion forward");
    }
    depthwise(shape, parameters, input, kept);
    clock.lap("depthwise forward");
    projection(shape, parameters, kept);
    clock.lap("squeeze-excitation and projection forward");
    output(shape, input, sampleScale, kept, output);
    clock.lap("projection's batch norm and shortcut forward");
  }

  /** The expansion and its moments. */
  private void expansion(
      ConvolutionShape expansion, BlockParameters parameters, Floats input, BlockKept kept) {
    int inputs = expansion.input().channels();
    int channels = expansion.outputChannels();
    int rows = Math.toIntExact(expansion.input().rows());
    int chunk = Convolutions.chunkUnits(expansion);
    long filter = operand("expansion operand", parameters.expansion().weights());
    WideTensor wide = kept.expansion().convolved();
    long work = Convolutions.work(expansion);
    team.share(
        rows,
        work,
        (member, from, end) -> {
          BatchNormLine.startMoments(member, (long) end - from, channels);
          wide.reserve(member, CONVOLVED, chunk);
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            Floats out = wide.target(member, CONVOLVED, at, at, count);
            int row = wide.at(at, at);
            member
                .oneDnn()
                .product(
                    new Product(count, inputs, channels, inputs, 1, channels, 1, channels),
                    operands,
                    operand(
                        member,
                        NARROW_OPERAND,
                        input.address((long) at * inputs),
                        (long) count * inputs),
                    filter,
                    Result.WRITTEN,
                    out.address((long) row * channels));
            BatchNormLine.addMoments(member, out, row, count, channels);
            wide.write(member, CONVOLVED, at, at, count);
          }
        });
    BatchNormLine.combineMoments(
        team,
        team.shares(rows, work),
        channels,
        kept.expansion().mean(),
        kept.expansion().variance());
  }

  /** Batch norm and swish of the expansion, depthwise convolution, moments. */
  private void depthwise(
      MBConvShape shape, BlockParameters parameters, Floats input, BlockKept kept) {
    ConvolutionShape depthwise = shape.depthwise();
    ImageShape in = depthwise.input();
    int channels = in.channels();
    int inputPixels = Math.toIntExact(in.pixels());
    int pixels = Math.toIntExact(depthwise.output().pixels());
    WideTensor out = kept.depthwise().convolved();
    long filter = parameters.depthwise().weights().address();
    int batch = in.batch();
    long elements = in.elements();
    int bandRows = bandRows(depthwise);
    team.share(
        batch,
        elements,
        (member, from, end) -> {
          BatchNormLine.startMoments(member, (long) (end - from) * pixels, channels);
          Floats active =
              shape.expansion().isPresent()
                  ? member.buffer("activated", (long) inputPixels * channels)
                  : null;
          ConvolutionShape one = Convolutions.ofUnits(depthwise, 1);
          out.reserve(member, FILTERED, bandRows * depthwise.outputWidth());
          if (active != null) {
            kept.expansion().convolved().reserve(member, CONVOLVED, inputPixels);
          }
          for (int n = from; n < end; n++) {
            int done = 0;
            for (int row = 0; row < depthwise.outputHeight(); row += bandRows) {
              int last = Math.min(depthwise.outputHeight(), row + bandRows);
              ConvolutionShape.Band band = one.band(row, last);
              long source;
              if (active == null) {
                source =
                    input.address(
                        ((long) n * inputPixels + (long) band.firstRow() * in.width()) * channels);
              } else {
                int needed = band.firstRow() + band.shape().input().height();
                if (needed > done) {
                  WideTensor wide = kept.expansion().convolved();
                  int base = n * inputPixels;
                  int first = base + done * in.width();
                  int count = (needed - done) * in.width();
                  member
                      .passes()
                      .affine(
                          wide.read(member, CONVOLVED, base, first, count),
                          wide.at(first, base),
                          active,
                          done * in.width(),
                          count,
                          channels,
                          expansionLine.factor(),
                          expansionLine.offset(),
                          Activation.SWISH);
                  done = needed;
                }
                source = active.address((long) band.firstRow() * in.width() * channels);
              }
              int firstPixel = n * pixels + row * depthwise.outputWidth();
              int bandPixels = (last - row) * depthwise.outputWidth();
              Floats target = out.target(member, FILTERED, firstPixel, firstPixel, bandPixels);
              int targetRow = out.at(firstPixel, firstPixel);
              member
                  .oneDnn()
                  .convolution(
                      band.shape(),
                      source,
                      filter,
                      n == from && row == 0 ? Weights.NEW : Weights.SAME,
                      0,
                      Activation.IDENTITY,
                      target.address((long) targetRow * channels));
              BatchNormLine.addMoments(member, target, targetRow, bandPixels, channels);
              out.write(member, FILTERED, firstPixel, firstPixel, bandPixels);
            }
          }
        });
    BatchNormLine.combineMoments(
        team,
        team.shares(batch, elements),
        channels,
        kept.depthwise().mean(),
        kept.depthwise().variance());
    setDepthwise(shape, parameters, kept);
  }

  /** Rows of the output whose input stays in the cache until they are computed. */
  private static int bandRows(ConvolutionShape shape) {
    long bytes =
        (long) shape.stride() * shape.input().width() * shape.input().channels() * Float.BYTES;
    return (int) Math.max(4, Convolutions.CHUNK_BYTES / bytes);
  }

  /** Images whose rows together are enough for a product. */
  private static int groupImages(int pixels) {
    return Math.max(1, (FEWEST_ROWS + pixels - 1) / pixels);
  }

  /** Rows of a product that stay in the cache. */
  private static int chunkRows(ConvolutionShape shape, int rows) {
    long bytes = (long) (shape.input().channels() + shape.outputChannels()) * Float.BYTES;
    int fitting = (int) Math.max(FEWEST_ROWS, Convolutions.CHUNK_BYTES / bytes);
    int pieces = (rows + fitting - 1) / fitting;
    return (rows + pieces - 1) / pieces;
  }

  /** Batch norm and swish of the depthwise convolution, the gate, projection, moments. */
  private void projection(MBConvShape shape, BlockParameters parameters, BlockKept kept) {
    ConvolutionShape projection = shape.projection();
    ImageShape wide = projection.input();
    int channels = wide.channels();
    int outputs = projection.outputChannels();
    int pixels = Math.toIntExact(wide.pixels());
    int batch = wide.batch();
    WideTensor wideFiltered = kept.depthwise().convolved();
    Floats out = kept.projection().convolved();
    long filter = operand("projection operand", parameters.projection().weights());
    team.share(
        batch,
        wide.elements(),
        (member, from, end) -> {
          BatchNormLine.startMoments(member, (long) (end - from) * pixels, outputs);
          int group = groupImages(pixels);
          wideFiltered.reserve(member, FILTERED, group * pixels);
          for (int n = from; n < end; n += group) {
            int images = Math.min(group, end - n);
            int rows = images * pixels;
            int base = n * pixels;
            Floats filtered = wideFiltered.read(member, FILTERED, base, base, rows);
            int shift = wideFiltered.at(base, base) - base;
            if (shape.squeezes()) {
              gate(member, shape, parameters.squeeze(), filtered, shift, n, images, kept.squeeze());
            }
            int chunk = chunkRows(projection, rows);
            Floats part = member.buffer("gated", (long) chunk * channels);
            for (int row = 0; row < rows; row += chunk) {
              int count = Math.min(chunk, rows - row);
              int first = n * pixels + row;
              gated(member, shape, filtered, shift, kept.squeeze(), first, count, part);
              member
                  .oneDnn()
                  .product(
                      new Product(count, channels, outputs, channels, 1, outputs, 1, outputs),
                      operands,
                      operand(member, WIDE_OPERAND, part.address(), (long) count * channels),
                      filter,
                      Result.WRITTEN,
                      out.address((long) first * outputs));
              BatchNormLine.addMoments(member, out, first, count, outputs);
            }
          }
        });
    BatchNormLine.combineMoments(
        team,
        team.shares(batch, wide.elements()),
        outputs,
        kept.projection().mean(),
        kept.projection().variance());
    setProjection(shape, parameters, kept);
  }

  /**
   * Rows of batch norm and swish, times the gate: what the projection sees, at row 0 of part.
   *
   * @param shift what is to be added to a row of the tensor for its row in {@code filtered}
   */
  private void gated(
      Member member,
      MBConvShape shape,
      Floats filtered,
      int shift,
      Gates gates,
      int first,
      int count,
      Floats part) {
    int channels = shape.depthwise().outputChannels();
    if (!shape.squeezes()) {
      member
          .passes()
          .affine(
              filtered,
              first + shift,
              part,
              0,
              count,
              channels,
              depthwiseLine.factor(),
              depthwiseLine.offset(),
              Activation.SWISH);
      return;
    }
    int pixels = Math.toIntExact(shape.depthwise().output().pixels());
    float[] gate = member.channels("gate", channels);
    for (int row = first; row < first + count; ) {
      int image = row / pixels;
      int rows = Math.min(first + count, (image + 1) * pixels) - row;
      gates.gate().read(image * channels, gate, 0, channels);
      member
          .passes()
          .gatedSwish(
              filtered,
              row + shift,
              part,
              row - first,
              rows,
              channels,
              depthwiseLine.factor(),
              depthwiseLine.offset(),
              gate);
      row += rows;
    }
  }

  /** The gates of some images. */
  private void gate(
      Member member,
      MBConvShape shape,
      Squeeze weights,
      Floats filtered,
      int shift,
      int first,
      int images,
      Gates gates) {
    int channels = shape.depthwise().outputChannels();
    int pixels = Math.toIntExact(shape.depthwise().output().pixels());
    int squeezed = shape.squeezed();
    for (int n = first; n < first + images; n++) {
      double[] sums = member.cleared(POOL, channels);
      member
          .passes()
          .swishSums(
              filtered,
              n * pixels + shift,
              pixels,
              channels,
              depthwiseLine.factor(),
              depthwiseLine.offset(),
              sums);
      for (int c = 0; c < channels; c++) {
        gates.pooled().put(n * channels + c, (float) (sums[c] / pixels));
      }
    }
    Floats hidden = member.buffer("hidden", (long) images * squeezed);
    member
        .oneDnn()
        .product(
            new Product(images, channels, squeezed, channels, 1, squeezed, 1, squeezed),
            gates.pooled().address((long) first * channels),
            weights.reduceWeights().address(),
            weights.reduceBias().address(),
            gates.reduced().address((long) first * squeezed));
    swish(gates.reduced(), first * squeezed, hidden, 0, images * squeezed);
    member
        .oneDnn()
        .product(
            new Product(images, squeezed, channels, squeezed, 1, channels, 1, channels),
            hidden.address(),
            weights.expandWeights().address(),
            weights.expandBias().address(),
            gates.gate().address((long) first * channels));
    member.passes().sigmoid(gates.gate(), gates.gate(), first * channels, images * channels);
  }

  private static void swish(Floats x, int from, Floats y, int to, int count) {
    for (int i = 0; i < count; i++) {
      float value = x.at(from + i);
      y.put(to + i, value * PlainPasses.sigmoid(value));
    }
  }

  private void output(
      MBConvShape shape, Floats input, Floats sampleScale, BlockKept kept, Floats output) {
    ImageShape image = shape.output();
    int channels = image.channels();
    int pixels = Math.toIntExact(image.pixels());
    Floats projected = kept.projection().convolved();
    team.share(
        image.batch(),
        image.elements(),
        (member, from, end) -> {
          float[] factor = projectionLine.factor();
          float[] offset = projectionLine.offset();
          if (shape.shortcut() == MBConvShape.Shortcut.ABSENT) {
            member
                .passes()
                .affine(
                    projected,
                    from * pixels,
                    output,
                    from * pixels,
                    (end - from) * pixels,
                    channels,
                    factor,
                    offset,
                    Activation.IDENTITY);
          } else if (sampleScale == null) {
            member
                .passes()
                .affineSum(
                    projected,
                    input,
                    output,
                    from * pixels,
                    (end - from) * pixels,
                    channels,
                    factor,
                    offset);
          } else {
            for (int n = from; n < end; n++) {
              float scale = sampleScale.at(n);
              member
                  .passes()
                  .affineSum(
                      projected,
                      input,
                      output,
                      n * pixels,
                      pixels,
                      channels,
                      scaled(member, "scaled factor", factor, scale, channels),
                      scaled(member, "scaled offset", offset, scale, channels));
            }
          }
        });
  }

  private static float[] scaled(
      Member member, String name, float[] values, float scale, int channels) {
    float[] result = member.channels(name, channels);
    for (int c = 0; c < channels; c++) {
      result[c] = values[c] * scale;
    }
    return result;
  }

  // ---------------------------------------------------------------- backward

  void gradients(
      MBConvShape shape,
      BlockParameters parameters,
      Floats input,
      Floats sampleScale,
      BlockKept kept,
      Floats outputGradient,
      Floats inputGradient,
      BlockParameters gradients) {
    clock.start();
    if (shape.expansion().isPresent()) {
      setExpansion(shape, parameters, kept);
    }
    setDepthwise(shape, parameters, kept);
    setProjection(shape, parameters, kept);
    projectionLineGradients(shape, parameters, sampleScale, kept, outputGradient, gradients);
    clock.lap("projection's batch norm backward");
    WideTensor filteredGradient = wide("filtered gradient", shape.depthwise().output());
    projectionGradients(
        shape, parameters, sampleScale, kept, outputGradient, filteredGradient, gradients);
    clock.lap("projection and squeeze-excitation backward");
    depthwiseGradients(
        shape, parameters, input, kept, filteredGradient, outputGradient, inputGradient, gradients);
    clock.lap("depthwise backward");
    if (shape.expansion().isPresent()) {
      expansionGradients(shape, parameters, input, kept, outputGradient, inputGradient, gradients);
      clock.lap("expansion backward");
    }
  }

  /** The first pass of the projection's batch norm. */
  private void projectionLineGradients(
      MBConvShape shape,
      BlockParameters parameters,
      Floats sampleScale,
      BlockKept kept,
      Floats outputGradient,
      BlockParameters gradients) {
    ImageShape image = shape.output();
    int channels = image.channels();
    int pixels = Math.toIntExact(image.pixels());
    team.share(
        image.batch(),
        image.elements(),
        (member, from, end) -> {
          double[] sums = member.cleared(SUMS, channels);
          double[] products = member.cleared(PRODUCTS, channels);
          if (sampleScale == null) {
            sums(member, kept, outputGradient, from * pixels, (end - from) * pixels, channels);
            return;
          }
          double[] allSums = member.cleared("all sums", channels);
          double[] allProducts = member.cleared("all products", channels);
          for (int n = from; n < end; n++) {
            Arrays.fill(sums, 0, channels, 0);
            Arrays.fill(products, 0, channels, 0);
            sums(member, kept, outputGradient, n * pixels, pixels, channels);
            float scale = sampleScale.at(n);
            for (int c = 0; c < channels; c++) {
              allSums[c] += scale * sums[c];
              allProducts[c] += scale * products[c];
            }
          }
          System.arraycopy(allSums, 0, sums, 0, channels);
          System.arraycopy(allProducts, 0, products, 0, channels);
        });
    finishSums(
        team.shares(image.batch(), image.elements()),
        projectionLine,
        shape,
        image,
        parameters.projection(),
        kept.projection().variance(),
        gradients.projection());
  }

  private void sums(
      Member member, BlockKept kept, Floats outputGradient, int from, int rows, int channels) {
    member
        .passes()
        .gradientSums(
            kept.projection().convolved(),
            outputGradient,
            from,
            rows,
            channels,
            projectionLine.factor(),
            projectionLine.offset(),
            projectionLine.centre(),
            Activation.IDENTITY,
            member.sums(SUMS, channels),
            member.sums(PRODUCTS, channels));
  }

  /** From the members' sums to the gradients of a batch norm and its line. */
  private void finishSums(
      int shares,
      BatchNormLine line,
      MBConvShape shape,
      ImageShape image,
      Parameters parameters,
      Floats variance,
      Parameters gradients) {
    int channels = image.channels();
    team.addSums(SUMS, shares, channels);
    team.addSums(PRODUCTS, shares, channels);
    line.gradients(
        channels,
        shape.epsilon(),
        image.rows(),
        team.first().sums(SUMS, channels),
        team.first().sums(PRODUCTS, channels),
        parameters.scale(),
        variance,
        gradients.scale(),
        gradients.shift());
  }

  /**
   * Through the projection, squeeze and excitation, and the depthwise convolution's swish.
   *
   * @param filteredGradient written: the gradient of the depthwise batch norm's line
   */
  private void projectionGradients(
      MBConvShape shape,
      BlockParameters parameters,
      Floats sampleScale,
      BlockKept kept,
      Floats outputGradient,
      WideTensor filteredGradient,
      BlockParameters gradients) {
    ConvolutionShape projection = shape.projection();
    ImageShape wide = projection.input();
    int channels = wide.channels();
    int outputs = projection.outputChannels();
    int pixels = Math.toIntExact(wide.pixels());
    int batch = wide.batch();
    WideTensor wideFiltered = kept.depthwise().convolved();
    Floats projected = kept.projection().convolved();
    Floats weightGradient = gradients.projection().weights();
    long filter = operand("projection operand", parameters.projection().weights());
    Floats gateGradient =
        shape.squeezes() ? team.buffer("gate gradient", (long) batch * channels) : null;
    Floats hiddenGradient =
        shape.squeezes() ? team.buffer("hidden gradient", (long) batch * shape.squeezed()) : null;
    team.share(
        batch,
        wide.elements(),
        (member, from, end) -> {
          double[] sums = member.cleared(SUMS, channels);
          double[] products = member.cleared(PRODUCTS, channels);
          Floats partial = team.partial(PROJECTION_PART, member, weightGradient);
          int group = groupImages(pixels);
          wideFiltered.reserve(member, FILTERED, group * pixels);
          filteredGradient.reserve(member, GRADIENT, group * pixels);
          for (int n = from; n < end; n += group) {
            int images = Math.min(group, end - n);
            int rows = images * pixels;
            int base = n * pixels;
            Floats filtered = wideFiltered.read(member, FILTERED, base, base, rows);
            Floats gradient = filteredGradient.target(member, GRADIENT, base, base, rows);
            int shift = wideFiltered.at(base, base) - base;
            int chunk = chunkRows(projection, rows);
            Floats part = member.buffer("gated", (long) chunk * channels);
            Floats narrow = member.buffer("narrow", (long) chunk * outputs);
            double[] pool = member.cleared(POOL, images * channels);
            for (int row = 0; row < rows; row += chunk) {
              int count = Math.min(chunk, rows - row);
              int first = n * pixels + row;
              projectedGradient(
                  member,
                  sampleScale,
                  projected,
                  outputGradient,
                  first,
                  count,
                  pixels,
                  narrow,
                  outputs);
              gated(member, shape, filtered, shift, kept.squeeze(), first, count, part);
              long narrowOperand =
                  operand(member, NARROW_OPERAND, narrow.address(), (long) count * outputs);
              member
                  .oneDnn()
                  .product(
                      new Product(channels, count, outputs, 1, channels, outputs, 1, outputs),
                      operands,
                      operand(member, WIDE_OPERAND, part.address(), (long) count * channels),
                      narrowOperand,
                      n == from && row == 0 ? Result.WRITTEN : Result.ADDED_TO,
                      partial.address());
              member
                  .oneDnn()
                  .product(
                      new Product(count, outputs, channels, outputs, 1, 1, outputs, channels),
                      operands,
                      narrowOperand,
                      filter,
                      Result.WRITTEN,
                      gradient.address((long) (first + shift) * channels));
              if (shape.squeezes()) {
                gateSums(member, part, gradient, shift, n, first, count, pixels, channels, pool);
              }
            }
            if (shape.squeezes()) {
              squeezeGradients(
                  member,
                  shape,
                  parameters.squeeze(),
                  kept.squeeze(),
                  n,
                  images,
                  pool,
                  gateGradient,
                  hiddenGradient);
            }
            float[] gate = member.channels("gate", channels);
            float[] constant = member.channels("constant", channels);
            Floats pooledGradient =
                shape.squeezes()
                    ? member.buffer("pooled gradient", (long) images * channels)
                    : null;
            for (int i = 0; i < images; i++) {
              if (pooledGradient == null) {
                Arrays.fill(gate, 0, channels, 1f);
                Arrays.fill(constant, 0, channels, 0f);
              } else {
                kept.squeeze().gate().read((n + i) * channels, gate, 0, channels);
                pooledGradient.read(i * channels, constant, 0, channels);
                for (int c = 0; c < channels; c++) {
                  constant[c] /= pixels;
                }
              }
              member
                  .passes()
                  .swishGradient(
                      filtered,
                      base + i * pixels + shift,
                      gradient,
                      base + i * pixels + shift,
                      gradient,
                      pixels,
                      channels,
                      depthwiseLine.factor(),
                      depthwiseLine.offset(),
                      gate,
                      constant,
                      depthwiseLine.centre(),
                      sums,
                      products);
            }
            filteredGradient.write(member, GRADIENT, base, base, rows);
          }
        });
    int shares = team.shares(batch, wide.elements());
    team.addPartials(PROJECTION_PART, shares, weightGradient);
    finishSums(
        shares,
        depthwiseLine,
        shape,
        wide,
        parameters.depthwise(),
        kept.depthwise().variance(),
        gradients.depthwise());
    if (shape.squeezes()) {
      squeezeWeightGradients(
          shape, kept.squeeze(), gateGradient, hiddenGradient, gradients.squeeze());
    }
  }

  /** Rows of the second pass of the projection's batch norm, to row 0 of narrow. */
  private void projectedGradient(
      Member member,
      Floats sampleScale,
      Floats projected,
      Floats outputGradient,
      int first,
      int count,
      int pixels,
      Floats narrow,
      int outputs) {
    for (int row = first; row < first + count; ) {
      int image = row / pixels;
      int rows = first + count - row;
      float[] factor = projectionLine.factor();
      if (sampleScale != null) {
        rows = Math.min(rows, (image + 1) * pixels - row);
        factor = scaled(member, "scaled factor", factor, sampleScale.at(image), outputs);
      }
      member
          .passes()
          .gradient(
              projected,
              outputGradient,
              narrow,
              row - first,
              row,
              rows,
              outputs,
              factor,
              projectionLine.offset(),
              projectionLine.slope(),
              projectionLine.intercept(),
              Activation.IDENTITY);
      row += rows;
    }
  }

  /** pool(image, c) += Σ over the image's rows of gated · gradient. */
  private static void gateSums(
      Member member,
      Floats gated,
      Floats gradient,
      int shift,
      int firstImage,
      int first,
      int count,
      int pixels,
      int channels,
      double[] pool) {
    double[] sums = member.sums("gate sums", channels);
    for (int row = first; row < first + count; ) {
      int image = row / pixels;
      int rows = Math.min(first + count, (image + 1) * pixels) - row;
      Arrays.fill(sums, 0, channels, 0);
      member.passes().productSums(gated, row - first, gradient, row + shift, rows, channels, sums);
      int at = (image - firstImage) * channels;
      for (int c = 0; c < channels; c++) {
        pool[at + c] += sums[c];
      }
      row += rows;
    }
  }

  /**
   * Of some images: the gradients before the sigmoid and before the swish, and of the pooled means
   * (to the member's buffer).
   *
   * @param pool Σ over pixels of gated · gradient, which is gate times the gate's gradient
   */
  private static void squeezeGradients(
      Member member,
      MBConvShape shape,
      Squeeze weights,
      Gates gates,
      int first,
      int images,
      double[] pool,
      Floats gateGradient,
      Floats hiddenGradient) {
    int channels = shape.depthwise().outputChannels();
    int squeezed = shape.squeezed();
    int at = first * channels;
    for (int i = 0; i < images * channels; i++) {
      gateGradient.put(at + i, (float) (pool[i] * (1 - gates.gate().at(at + i))));
    }
    member
        .oneDnn()
        .product(
            new Product(images, channels, squeezed, channels, 1, 1, channels, squeezed),
            gateGradient.address(at),
            weights.expandWeights().address(),
            0,
            hiddenGradient.address((long) first * squeezed));
    for (int i = first * squeezed; i < (first + images) * squeezed; i++) {
      hiddenGradient.put(i, hiddenGradient.at(i) * PlainPasses.swishSlope(gates.reduced().at(i)));
    }
    member
        .oneDnn()
        .product(
            new Product(images, squeezed, channels, squeezed, 1, 1, squeezed, channels),
            hiddenGradient.address((long) first * squeezed),
            weights.reduceWeights().address(),
            0,
            member.buffer("pooled gradient", (long) images * channels).address());
  }

  private void squeezeWeightGradients(
      MBConvShape shape,
      Gates gates,
      Floats gateGradient,
      Floats hiddenGradient,
      Squeeze gradients) {
    int batch = shape.depthwise().output().batch();
    int channels = shape.depthwise().outputChannels();
    int squeezed = shape.squeezed();
    Floats hidden = team.buffer("hidden", (long) batch * squeezed);
    swish(gates.reduced(), 0, hidden, 0, batch * squeezed);
    int shares = Math.min(2, team.threads());
    team.run(
        shares,
        (member, part) -> {
          if (part == 0) {
            member
                .oneDnn()
                .product(
                    new Product(squeezed, batch, channels, 1, squeezed, channels, 1, channels),
                    hidden.address(),
                    gateGradient.address(),
                    0,
                    gradients.expandWeights().address());
            columnSums(gateGradient, batch, channels, gradients.expandBias());
          }
          if (part == 1 || shares == 1) {
            member
                .oneDnn()
                .product(
                    new Product(channels, batch, squeezed, 1, channels, squeezed, 1, squeezed),
                    gates.pooled().address(),
                    hiddenGradient.address(),
                    0,
                    gradients.reduceWeights().address());
            columnSums(hiddenGradient, batch, squeezed, gradients.reduceBias());
          }
        });
  }

  private static void columnSums(Floats values, int rows, int columns, Floats sums) {
    for (int c = 0; c < columns; c++) {
      double sum = 0;
      for (int r = 0; r < rows; r++) {
        sum += values.at(r * columns + c);
      }
      sums.put(c, (float) sum);
    }
  }

  /**
   * Through the depthwise convolution and the expansion's swish.
   *
   * @param filteredGradient of the depthwise batch norm's line
   * @param inputGradient written where the block does not expand; else the gradient of the
   *     expansion's line goes to the team's buffer
   */
  private void depthwiseGradients(
      MBConvShape shape,
      BlockParameters parameters,
      Floats input,
      BlockKept kept,
      WideTensor filteredGradient,
      Floats outputGradient,
      Floats inputGradient,
      BlockParameters gradients) {
    ConvolutionShape depthwise = shape.depthwise();
    ImageShape in = depthwise.input();
    int channels = in.channels();
    int inputPixels = Math.toIntExact(in.pixels());
    int pixels = Math.toIntExact(depthwise.output().pixels());
    boolean expands = shape.expansion().isPresent();
    ConvolutionShape one = Convolutions.ofUnits(depthwise, 1);
    Floats filter = parameters.depthwise().weights();
    Floats weightGradient = gradients.depthwise().weights();
    WideTensor wideGradient = expands ? expandedGradient(shape) : null;
    WideTensor filtered = kept.depthwise().convolved();
    WideTensor wide = expands ? kept.expansion().convolved() : null;
    int bandRows = gradientBandRows(one);
    team.share(
        in.batch(),
        in.elements(),
        (member, from, end) -> {
          double[] sums = member.cleared(SUMS, channels);
          double[] products = member.cleared(PRODUCTS, channels);
          Floats partial = team.partial(DEPTHWISE_PART, member, weightGradient);
          Floats upper = member.buffer("convolved gradient", (long) pixels * channels);
          long imageValues = (long) inputPixels * channels;
          Floats active = expands ? member.buffer("activated", imageValues) : null;
          Floats slope = expands ? member.buffer("slope", imageValues) : null;
          Floats lower = expands ? member.buffer("activated gradient", imageValues) : null;
          filtered.reserve(member, FILTERED, pixels);
          filteredGradient.reserve(member, GRADIENT, pixels);
          if (expands) {
            wide.reserve(member, CONVOLVED, inputPixels);
            wideGradient.reserve(member, WIDE_GRADIENT, inputPixels);
          }
          for (int n = from; n < end; n++) {
            int activeRows = 0;
            int lowerRows = 0;
            for (int row = 0; row < one.outputHeight(); row += bandRows) {
              boolean first = n == from && row == 0;
              int last = Math.min(one.outputHeight(), row + bandRows);
              int bandPixels = row * one.outputWidth();
              int base = n * pixels;
              int bandFirst = base + bandPixels;
              int bandCount = (last - row) * one.outputWidth();
              member
                  .passes()
                  .gradient(
                      filtered.read(member, FILTERED, base, bandFirst, bandCount),
                      filteredGradient.read(member, GRADIENT, base, bandFirst, bandCount),
                      upper,
                      bandPixels,
                      filtered.at(bandFirst, base),
                      bandCount,
                      channels,
                      depthwiseLine.factor(),
                      depthwiseLine.offset(),
                      depthwiseLine.slope(),
                      depthwiseLine.intercept(),
                      Activation.IDENTITY);
              ConvolutionShape.Band band = one.band(row, last);
              int needed =
                  last == one.outputHeight()
                      ? in.height()
                      : band.firstRow() + band.shape().input().height();
              if (expands && needed > activeRows) {
                int wideFirst = n * inputPixels + activeRows * in.width();
                int wideCount = (needed - activeRows) * in.width();
                member
                    .passes()
                    .swishAndSlope(
                        wide.read(member, CONVOLVED, n * inputPixels, wideFirst, wideCount),
                        wide.at(wideFirst, n * inputPixels),
                        active,
                        slope,
                        activeRows * in.width(),
                        wideCount,
                        channels,
                        expansionLine.factor(),
                        expansionLine.offset());
                activeRows = needed;
              }
              Floats here =
                  first ? partial : member.buffer("chunk weights", weightGradient.length());
              if (member.depthwise().suits(one)) {
                member
                    .depthwise()
                    .compute(one, expands ? 0 : n, 0, 1, expands ? active : input, upper, here);
              } else {
                long source = (long) band.firstRow() * in.width() * channels;
                member
                    .oneDnn()
                    .weightGradient(
                        band.shape(),
                        expands ? active.address(source) : input.address(n * imageValues + source),
                        upper.address((long) bandPixels * channels),
                        here.address());
              }
              if (!first) {
                member.passes().scaledSum(here, 1, partial, partial, 0, weightGradient.length());
              }
              int lowerEnd =
                  last == one.outputHeight()
                      ? in.height()
                      : Math.min(in.height(), last * one.stride() - one.padding().top());
              if (lowerEnd > lowerRows) {
                ConvolutionShape.InputBand lowerBand = one.inputBand(lowerRows, lowerEnd);
                long target = (long) lowerRows * in.width() * channels;
                member
                    .oneDnn()
                    .inputGradient(
                        lowerBand.shape(),
                        filter.address(),
                        first ? Weights.NEW : Weights.SAME,
                        upper.address((long) lowerBand.firstRow() * one.outputWidth() * channels),
                        expands
                            ? lower.address(target)
                            : inputGradient.address(n * imageValues + target));
                if (expands) {
                  int wideBase = n * inputPixels;
                  int wideFirst = wideBase + lowerRows * in.width();
                  int wideCount = (lowerEnd - lowerRows) * in.width();
                  member
                      .passes()
                      .slopedGradient(
                          wide.read(member, CONVOLVED, wideBase, wideFirst, wideCount),
                          wide.at(wideFirst, wideBase),
                          lower,
                          slope,
                          lowerRows * in.width(),
                          wideGradient.target(
                              member, WIDE_GRADIENT, wideBase, wideFirst, wideCount),
                          wideCount,
                          channels,
                          expansionLine.centre(),
                          sums,
                          products);
                  wideGradient.write(member, WIDE_GRADIENT, wideBase, wideFirst, wideCount);
                }
                lowerRows = lowerEnd;
              }
            }
            if (!expands) {
              addShortcut(
                  member, shape, outputGradient, inputGradient, n * inputPixels, inputPixels);
            }
          }
        });
    int shares = team.shares(in.batch(), in.elements());
    team.addPartials(DEPTHWISE_PART, shares, weightGradient);
    if (expands) {
      finishSums(
          shares,
          expansionLine,
          shape,
          in,
          parameters.expansion(),
          kept.expansion().variance(),
          gradients.expansion());
    }
  }

  /**
   * Rows of the output whose gradients stay in the cache; all of them where the weight gradient is
   * made image by image.
   */
  private int gradientBandRows(ConvolutionShape one) {
    if (team.first().depthwise().suits(one)) {
      return one.outputHeight();
    }
    long bytes =
        (3L * one.stride() * one.input().width() + 2L * one.outputWidth())
            * one.input().channels()
            * Float.BYTES;
    return (int) Math.max(4, 2 * Convolutions.CHUNK_BYTES / bytes);
  }

  private WideTensor expandedGradient(MBConvShape shape) {
    return wide("expanded gradient", shape.depthwise().input());
  }

  /** A tensor that all blocks share. */
  private WideTensor wide(String name, ImageShape shape) {
    return switch (precision) {
      case FP32 -> new WideTensor.OfFloats(team.buffer(name, shape.elements()));
      case BF16 ->
          new WideTensor.OfHalves(
              team.buffer(name, (shape.elements() + 1) / 2).address(),
              shape.elements(),
              shape.channels());
    };
  }

  private static void addShortcut(
      Member member,
      MBConvShape shape,
      Floats outputGradient,
      Floats inputGradient,
      int firstRow,
      int rows) {
    if (shape.shortcut() == MBConvShape.Shortcut.INPUT) {
      int channels = shape.input().channels();
      member
          .passes()
          .scaledSum(
              outputGradient,
              1,
              inputGradient,
              inputGradient,
              firstRow * channels,
              rows * channels);
    }
  }

  private void expansionGradients(
      MBConvShape shape,
      BlockParameters parameters,
      Floats input,
      BlockKept kept,
      Floats outputGradient,
      Floats inputGradient,
      BlockParameters gradients) {
    ConvolutionShape expansion = shape.expansion().orElseThrow();
    int inputs = expansion.input().channels();
    int channels = expansion.outputChannels();
    int rows = Math.toIntExact(expansion.input().rows());
    WideTensor wideGradient = expandedGradient(shape);
    WideTensor wide = kept.expansion().convolved();
    Floats weightGradient = gradients.expansion().weights();
    long filter = operand("expansion operand", parameters.expansion().weights());
    int chunk = Convolutions.chunkUnits(expansion);
    long work = Convolutions.work(expansion);
    team.share(
        rows,
        work,
        (member, from, end) -> {
          Floats partial = team.partial(EXPANSION_PART, member, weightGradient);
          Floats upper = member.buffer("chunk", (long) chunk * channels);
          wide.reserve(member, CONVOLVED, chunk);
          wideGradient.reserve(member, WIDE_GRADIENT, chunk);
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            member
                .passes()
                .gradient(
                    wide.read(member, CONVOLVED, at, at, count),
                    wideGradient.read(member, WIDE_GRADIENT, at, at, count),
                    upper,
                    0,
                    wide.at(at, at),
                    count,
                    channels,
                    expansionLine.factor(),
                    expansionLine.offset(),
                    expansionLine.slope(),
                    expansionLine.intercept(),
                    Activation.IDENTITY);
            long upperOperand =
                operand(member, WIDE_OPERAND, upper.address(), (long) count * channels);
            member
                .oneDnn()
                .product(
                    new Product(inputs, count, channels, 1, inputs, channels, 1, channels),
                    operands,
                    operand(
                        member,
                        NARROW_OPERAND,
                        input.address((long) at * inputs),
                        (long) count * inputs),
                    upperOperand,
                    at == from ? Result.WRITTEN : Result.ADDED_TO,
                    partial.address());
            if (inputGradient != null) {
              member
                  .oneDnn()
                  .product(
                      new Product(count, channels, inputs, channels, 1, 1, channels, inputs),
                      operands,
                      upperOperand,
                      filter,
                      Result.WRITTEN,
                      inputGradient.address((long) at * inputs));
              addShortcut(member, shape, outputGradient, inputGradient, at, count);
            }
          }
        });
    team.addPartials(EXPANSION_PART, team.shares(rows, work), weightGradient);
  }
}
