package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_BIAS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_backward_data_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_backward_weights_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_direct;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_data_type_undef;
import static org.bytedeco.dnnl.global.dnnl.dnnl_eltwise_swish;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_training;
import static org.bytedeco.dnnl.global.dnnl.dnnl_matmul_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_equal;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_get_size;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_append_eltwise;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_append_sum;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_post_ops;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_diff_weights_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_weights_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reorder_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_in_order;

import io.phiscale.model.kernels.OneDnnPrimitive.Argument;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;

/**
 * What one thread computes by oneDNN, with its own primitives, kept by shape, and its own scratch.
 *
 * <p>Weights of windowed convolutions are brought into the layout that oneDNN likes best on every
 * call: they are small beside the images, and change in every step of a training. 1x1 convolutions
 * are as fast on the weights as they lie.
 */
final class OneDnnThread implements AutoCloseable {

  private final dnnl_engine engine;
  private final dnnl_stream stream = new dnnl_stream();
  private final Map<Object, Run> runs = new HashMap<>();
  private final NativeBuffer scratch = new NativeBuffer();
  private final NativeBuffer reordered = new NativeBuffer();
  private final NativeBuffer blockedGradient = new NativeBuffer();
  private final Map<Kept, NativeBuffer> kept = new HashMap<>();
  private Run reorderedFor;

  /** Whether weights are those of the call before this one, of the same pass. */
  enum Weights {
    NEW,
    SAME,
    /** Those of the first call with this address, until {@link #forgetWeights}. */
    KEPT
  }

  /** What a product does with what is in its result. */
  enum Result {
    WRITTEN,
    ADDED_TO
  }

  private enum Pass {
    FORWARD,
    INPUT_GRADIENT,
    WEIGHT_GRADIENT
  }

  private enum Bias {
    ABSENT,
    PRESENT
  }

  /**
   * What the arrays of a forward convolution hold; biases and sums are FLOAT. oneDNN computes from
   * FLOAT to FLOAT, and from bfloat16 to both.
   *
   * @param weights as the primitive takes them; they are given as FLOAT and rounded
   */
  record Elements(Element input, Element weights, Element output) {
    static final Elements FLOATS = new Elements(Element.FLOAT, Element.FLOAT, Element.FLOAT);
  }

  private record Convolution(
      Pass pass, ConvolutionShape shape, Bias bias, Activation activation, Elements elements) {

    static Convolution backward(Pass pass, ConvolutionShape shape) {
      return new Convolution(pass, shape, Bias.ABSENT, Activation.IDENTITY, Elements.FLOATS);
    }
  }

  private record Conversion(Element from, Element to, long count) {}

  /** Weights in the layout of a primitive. */
  private record Kept(Run run, long weights) {}

  /**
   * A product of matrices.
   *
   * @param rows of the result
   * @param inner dimension
   * @param columns of the result
   * @param leftRow distance of two rows of the left matrix
   * @param leftColumn distance of two columns of the left matrix
   * @param rightRow distance of two rows of the right matrix
   * @param rightColumn distance of two columns of the right matrix
   * @param resultRow distance of two rows of the result, whose columns lie side by side
   */
  record Product(
      int rows,
      int inner,
      int columns,
      int leftRow,
      int leftColumn,
      int rightRow,
      int rightColumn,
      int resultRow) {}

  private record ProductKey(Product product, Bias bias, Result result, Element operands) {}

  /**
   * A primitive and, where weights are reordered, the primitive that does it.
   *
   * @param reorder null where the weights stay as they are
   * @param weightBytes of the reordered weights
   */
  private record Run(OneDnnPrimitive primitive, OneDnnPrimitive reorder, long weightBytes)
      implements AutoCloseable {
    @Override
    public void close() {
      primitive.close();
      if (reorder != null) {
        reorder.close();
      }
    }
  }

  OneDnnThread(dnnl_engine engine) {
    this.engine = engine;
    OneDnn.check(dnnl_stream_create(stream, engine, dnnl_stream_in_order), "a stream");
  }

  // ---------------------------------------------------------------- convolution

  /**
   * @param state SAME where the last call with other weights than gradients had these
   * @param bias address, or 0 for none
   */
  void convolution(
      ConvolutionShape shape,
      long input,
      long weights,
      Weights state,
      long bias,
      Activation activation,
      long output) {
    convolution(shape, Elements.FLOATS, input, weights, state, bias, activation, output);
  }

  /**
   * @param weights FLOAT
   * @param bias address of FLOATs, or 0 for none
   */
  void convolution(
      ConvolutionShape shape,
      Elements elements,
      long input,
      long weights,
      Weights state,
      long bias,
      Activation activation,
      long output) {
    Convolution key =
        new Convolution(
            Pass.FORWARD, shape, bias == 0 ? Bias.ABSENT : Bias.PRESENT, activation, elements);
    Run run = runs.get(key);
    if (run == null) {
      run = make(key);
      runs.put(key, run);
    }
    run.primitive().at(0, input).at(1, reordered(run, weights, state)).at(2, output);
    if (bias != 0) {
      run.primitive().at(3, bias);
    }
    execute(run.primitive());
  }

  void inputGradient(
      ConvolutionShape shape, long weights, Weights state, long outputGradient, long result) {
    Convolution key = Convolution.backward(Pass.INPUT_GRADIENT, shape);
    Run run = runs.get(key);
    if (run == null) {
      run = make(key);
      runs.put(key, run);
    }
    run.primitive().at(0, result).at(1, reordered(run, weights, state)).at(2, outputGradient);
    execute(run.primitive());
  }

  void weightGradient(ConvolutionShape shape, long input, long outputGradient, long result) {
    Convolution key = Convolution.backward(Pass.WEIGHT_GRADIENT, shape);
    Run run = runs.get(key);
    if (run == null) {
      run = make(key);
      runs.put(key, run);
    }
    if (run.reorder() == null) {
      run.primitive().at(0, input).at(1, result).at(2, outputGradient);
      execute(run.primitive());
    } else {
      long blocked = blockedGradient.bytes(run.weightBytes());
      run.primitive().at(0, input).at(1, blocked).at(2, outputGradient);
      execute(run.primitive());
      execute(run.reorder().at(0, blocked).at(1, result));
    }
  }

  private long reordered(Run run, long weights, Weights state) {
    if (run.reorder() == null) {
      return weights;
    }
    if (state == Weights.KEPT) {
      Kept key = new Kept(run, weights);
      NativeBuffer buffer = kept.get(key);
      if (buffer == null) {
        buffer = new NativeBuffer();
        kept.put(key, buffer);
        execute(run.reorder().at(0, weights).at(1, buffer.bytes(run.weightBytes())));
      }
      return buffer.bytes(run.weightBytes());
    }
    long blocked = reordered.bytes(run.weightBytes());
    if (state == Weights.NEW || !run.equals(reorderedFor)) {
      execute(run.reorder().at(0, weights).at(1, blocked));
      reorderedFor = run;
    }
    return blocked;
  }

  private void execute(OneDnnPrimitive primitive) {
    primitive.run(stream, scratch.bytes(primitive.scratchBytes()));
  }

  /** Weights that were {@link Weights#KEPT} may have changed. */
  void forgetWeights() {
    kept.values().forEach(NativeBuffer::close);
    kept.clear();
  }

  /** target(i) = source(i), i < count, rounded to the nearest, to even where two are as near. */
  void convert(Element from, long source, Element to, long target, long count) {
    Conversion key = new Conversion(from, to, count);
    Run run = runs.get(key);
    if (run == null) {
      long[] sizes = {count};
      long[] strides = {1};
      dnnl_memory_desc left = OneDnn.strided(sizes, strides, from);
      dnnl_memory_desc right = OneDnn.strided(sizes, strides, to);
      run = new Run(reorder(left, right), null, 0);
      OneDnn.free(left, right);
      runs.put(key, run);
    }
    execute(run.primitive().at(0, source).at(1, target));
  }

  private static dnnl_memory_desc weights(ConvolutionShape shape) {
    long in = shape.input().channels();
    long out = shape.outputChannels();
    long height = shape.kernelHeight();
    long width = shape.kernelWidth();
    return shape.depthwise()
        ? OneDnn.strided(
            new long[] {in, 1, 1, height, width}, new long[] {1, in, in, width * in, in})
        : OneDnn.strided(
            new long[] {out, in, height, width}, new long[] {1, out, width * in * out, in * out});
  }

  private static dnnl_memory_desc anyWeights(ConvolutionShape shape, Element element) {
    long in = shape.input().channels();
    long height = shape.kernelHeight();
    long width = shape.kernelWidth();
    return shape.depthwise()
        ? OneDnn.any(new long[] {in, 1, 1, height, width}, element)
        : OneDnn.any(new long[] {shape.outputChannels(), in, height, width}, element);
  }

  private Run make(Convolution key) {
    ConvolutionShape shape = key.shape();
    Elements elements = key.elements();
    dnnl_memory_desc source = OneDnn.image(shape.input(), elements.input());
    dnnl_memory_desc target = OneDnn.image(shape.output(), elements.output());
    dnnl_memory_desc plain = weights(shape);
    dnnl_memory_desc wanted =
        shape.pointwise() && elements.weights() == Element.FLOAT
            ? weights(shape)
            : anyWeights(shape, elements.weights());
    dnnl_memory_desc bias =
        key.bias() == Bias.PRESENT
            ? OneDnn.strided(new long[] {shape.outputChannels()}, new long[] {1})
            : null;
    dnnl_primitive_attr attributes = OneDnn.attributes();
    if (key.activation() == Activation.SWISH) {
      dnnl_post_ops after = new dnnl_post_ops();
      OneDnn.check(dnnl_post_ops_create(after), "post operations");
      OneDnn.check(dnnl_post_ops_append_eltwise(after, dnnl_eltwise_swish, 1, 0), "swish");
      OneDnn.check(dnnl_primitive_attr_set_post_ops(attributes, after), "swish");
      dnnl_post_ops_destroy(after);
    }
    long[] strides = {shape.stride(), shape.stride()};
    long[] dilations = {0, 0};
    long[] before = {shape.padding().top(), shape.padding().left()};
    // As many as the last window reaches: oneDNN wants the sizes to fit exactly.
    long[] after = {
      (shape.outputHeight() - 1L) * shape.stride()
          + shape.kernelHeight()
          - shape.input().height()
          - before[0],
      (shape.outputWidth() - 1L) * shape.stride()
          + shape.kernelWidth()
          - shape.input().width()
          - before[1]
    };
    dnnl_primitive_desc forward = new dnnl_primitive_desc();
    OneDnn.check(
        dnnl_convolution_forward_primitive_desc_create(
            forward,
            engine,
            key.pass() == Pass.FORWARD && key.bias() == Bias.PRESENT
                ? dnnl_forward_inference
                : dnnl_forward_training,
            dnnl_convolution_direct,
            source,
            wanted,
            bias,
            target,
            strides,
            dilations,
            before,
            after,
            attributes),
        shape);
    dnnl_primitive_desc descriptor = forward;
    List<Argument> arguments = new ArrayList<>();
    dnnl_memory_desc chosen;
    switch (key.pass()) {
      case FORWARD -> {
        chosen = dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
        arguments.add(new Argument(DNNL_ARG_SRC, source));
        arguments.add(new Argument(DNNL_ARG_WEIGHTS, chosen));
        arguments.add(new Argument(DNNL_ARG_DST, target));
        if (bias != null) {
          arguments.add(new Argument(DNNL_ARG_BIAS, bias));
        }
      }
      case INPUT_GRADIENT -> {
        descriptor = new dnnl_primitive_desc();
        OneDnn.check(
            dnnl_convolution_backward_data_primitive_desc_create(
                descriptor,
                engine,
                dnnl_convolution_direct,
                source,
                wanted,
                target,
                strides,
                dilations,
                before,
                after,
                forward,
                attributes),
            shape);
        chosen = dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
        arguments.add(new Argument(DNNL_ARG_DIFF_SRC, source));
        arguments.add(new Argument(DNNL_ARG_WEIGHTS, chosen));
        arguments.add(new Argument(DNNL_ARG_DIFF_DST, target));
      }
      case WEIGHT_GRADIENT -> {
        descriptor = new dnnl_primitive_desc();
        OneDnn.check(
            dnnl_convolution_backward_weights_primitive_desc_create(
                descriptor,
                engine,
                dnnl_convolution_direct,
                source,
                wanted,
                null,
                target,
                strides,
                dilations,
                before,
                after,
                forward,
                attributes),
            shape);
        chosen = dnnl_primitive_desc_query_md(descriptor, dnnl_query_diff_weights_md, 0);
        arguments.add(new Argument(DNNL_ARG_SRC, source));
        arguments.add(new Argument(DNNL_ARG_DIFF_WEIGHTS, chosen));
        arguments.add(new Argument(DNNL_ARG_DIFF_DST, target));
      }
      default -> throw new IllegalStateException("Cannot compute: no pass " + key.pass());
    }
    OneDnnPrimitive primitive = new OneDnnPrimitive(engine, descriptor, arguments);
    OneDnnPrimitive reorder = null;
    if (dnnl_memory_desc_equal(plain, chosen) == 0) {
      reorder =
          key.pass() == Pass.WEIGHT_GRADIENT ? reorder(chosen, plain) : reorder(plain, chosen);
    }
    Run run = new Run(primitive, reorder, dnnl_memory_desc_get_size(chosen));
    if (key.pass() != Pass.FORWARD) {
      dnnl_primitive_desc_destroy(descriptor);
    }
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_attr_destroy(attributes);
    OneDnn.free(source, target, plain, wanted);
    if (bias != null) {
      OneDnn.free(bias);
    }
    return run;
  }

  private OneDnnPrimitive reorder(dnnl_memory_desc from, dnnl_memory_desc to) {
    dnnl_primitive_attr attributes = OneDnn.attributes();
    dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
    OneDnn.check(
        dnnl_reorder_primitive_desc_create(descriptor, from, engine, to, engine, attributes),
        "a reorder");
    OneDnnPrimitive primitive =
        new OneDnnPrimitive(
            engine,
            descriptor,
            List.of(new Argument(DNNL_ARG_SRC, from), new Argument(DNNL_ARG_DST, to)));
    dnnl_primitive_desc_destroy(descriptor);
    dnnl_primitive_attr_destroy(attributes);
    return primitive;
  }

  // ---------------------------------------------------------------- products of matrices

  /**
   * result = left · right (+ bias in every row).
   *
   * @param bias address of as many values as there are columns, or 0 for none
   */
  void product(Product product, long left, long right, long bias, long result) {
    Bias present = bias == 0 ? Bias.ABSENT : Bias.PRESENT;
    product(
        new ProductKey(product, present, Result.WRITTEN, Element.FLOAT), left, right, bias, result);
  }

  /** result = left · right, or result += left · right. */
  void product(Product product, long left, long right, Result state, long result) {
    product(product, Element.FLOAT, left, right, state, result);
  }

  /**
   * result = left · right, or result += left · right; sums and the result are FLOAT.
   *
   * @param operands what both matrices hold
   */
  void product(
      Product product, Element operands, long left, long right, Result state, long result) {
    product(new ProductKey(product, Bias.ABSENT, state, operands), left, right, 0, result);
  }

  private void product(ProductKey key, long left, long right, long bias, long result) {
    Run run = runs.get(key);
    if (run == null) {
      run = make(key);
      runs.put(key, run);
    }
    run.primitive().at(0, left).at(1, right).at(2, result);
    if (bias != 0) {
      run.primitive().at(3, bias);
    }
    execute(run.primitive());
  }

  private Run make(ProductKey key) {
    Product product = key.product();
    dnnl_memory_desc left =
        OneDnn.matrix(
            product.rows(),
            product.inner(),
            product.leftRow(),
            product.leftColumn(),
            key.operands());
    dnnl_memory_desc right =
        OneDnn.matrix(
            product.inner(),
            product.columns(),
            product.rightRow(),
            product.rightColumn(),
            key.operands());
    dnnl_memory_desc result =
        OneDnn.matrix(product.rows(), product.columns(), product.resultRow(), 1);
    dnnl_memory_desc bias =
        key.bias() == Bias.PRESENT
            ? OneDnn.matrix(1, product.columns(), product.columns(), 1)
            : null;
    dnnl_primitive_attr attributes = OneDnn.attributes();
    if (key.result() == Result.ADDED_TO) {
      dnnl_post_ops after = new dnnl_post_ops();
      OneDnn.check(dnnl_post_ops_create(after), "post operations");
      OneDnn.check(dnnl_post_ops_append_sum(after, 1, 0, dnnl_data_type_undef), "a sum");
      OneDnn.check(dnnl_primitive_attr_set_post_ops(attributes, after), "a sum");
      dnnl_post_ops_destroy(after);
    }
    dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
    OneDnn.check(
        dnnl_matmul_primitive_desc_create(
            descriptor, engine, left, right, bias, result, attributes),
        product);
    List<Argument> arguments = new ArrayList<>();
    arguments.add(new Argument(DNNL_ARG_SRC, left));
    arguments.add(new Argument(DNNL_ARG_WEIGHTS, right));
    arguments.add(new Argument(DNNL_ARG_DST, result));
    if (bias != null) {
      arguments.add(new Argument(DNNL_ARG_BIAS, bias));
    }
    Run run = new Run(new OneDnnPrimitive(engine, descriptor, arguments), null, 0);
    dnnl_primitive_desc_destroy(descriptor);
    dnnl_primitive_attr_destroy(attributes);
    OneDnn.free(left, right, result);
    if (bias != null) {
      OneDnn.free(bias);
    }
    return run;
  }

  /** Memory of scratch and weights in other layouts, in bytes. */
  long heldBytes() {
    return scratch.heldBytes()
        + reordered.heldBytes()
        + blockedGradient.heldBytes()
        + kept.values().stream().mapToLong(NativeBuffer::heldBytes).sum();
  }

  @Override
  public void close() {
    runs.values().forEach(Run::close);
    runs.clear();
    forgetWeights();
    scratch.close();
    reordered.close();
    blockedGradient.close();
    dnnl_stream_destroy(stream);
  }
}
