package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_format_tag_any;
import static org.bytedeco.dnnl.global.dnnl.dnnl_get_effective_cpu_isa;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_with_strides;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_with_tag;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_scratchpad_mode;
import static org.bytedeco.dnnl.global.dnnl.dnnl_scratchpad_mode_user;

import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner.ExecutionerType;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * oneDNN's C interface, as far as it is common to all primitives: whether it is there, its errors,
 * its descriptions of memory.
 *
 * <p>Parallelism is ours, not the library's: every thread that calls it tells OpenMP to use one
 * thread. ND4J and oneDNN share one OpenMP library (the first one loaded), and its setting belongs
 * to the calling thread, so it is put back after every call from a thread that is not ours.
 */
final class OneDnn {

  private OneDnn() {}

  /** Why oneDNN cannot be used on this machine; empty if it can. Looked up once. */
  static String unavailableReason() {
    return Reason.TEXT;
  }

  private static final class Reason {
    static final String TEXT = find();

    private static String find() {
      try {
        ExecutionerType type = Nd4j.getExecutioner().type();
        if (type != ExecutionerType.NATIVE_CPU) {
          return String.format("ND4J's back end is %s, its arrays are not in main memory", type);
        }
        Loader.load(dnnl.class);
        dnnl_engine engine = new dnnl_engine();
        int status = dnnl_engine_create(engine, dnnl_cpu, 0);
        if (status != 0) {
          return String.format("oneDNN cannot make an engine (status %s)", status);
        }
        dnnl_engine_destroy(engine);
        return "";
      } catch (LinkageError e) {
        return String.format("oneDNN's library cannot be loaded: %s", e.getMessage());
      }
    }
  }

  /** The instruction set that oneDNN uses on this CPU, {@code dnnl_cpu_isa_t}. */
  static int instructionSet() {
    return dnnl_get_effective_cpu_isa();
  }

  /**
   * @throws IllegalStateException if a call of the library failed
   */
  static void check(int status, Object what) {
    if (status != 0) {
      throw new IllegalStateException(
          String.format("Cannot compute: oneDNN status %s for %s", status, what));
    }
  }

  // ---------------------------------------------------------------- OpenMP

  private static NativeOps openMp() {
    return NativeOpsHolder.getInstance().getDeviceNativeOps();
  }

  /** How many threads OpenMP uses for what this thread calls. */
  static int threads() {
    return openMp().ompGetMaxThreads();
  }

  /** Sets {@link #threads} of this thread. */
  static void useThreads(int threads) {
    openMp().setOmpNumThreads(threads);
  }

  // ---------------------------------------------------------------- descriptions, freed by caller

  static dnnl_memory_desc strided(long[] sizes, long[] strides) {
    return strided(sizes, strides, Element.FLOAT);
  }

  static dnnl_memory_desc strided(long[] sizes, long[] strides, Element element) {
    dnnl_memory_desc description = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_strides(
            description, sizes.length, sizes, element.oneDnnType(), strides),
        "a description of memory");
    return description;
  }

  /** In whichever layout the primitive likes best. */
  static dnnl_memory_desc any(long[] sizes, Element element) {
    dnnl_memory_desc description = new dnnl_memory_desc();
    check(
        dnnl_memory_desc_create_with_tag(
            description, sizes.length, sizes, element.oneDnnType(), dnnl_format_tag_any),
        "a description of memory");
    return description;
  }

  static dnnl_memory_desc image(ImageShape shape, Element element) {
    long h = shape.height();
    long w = shape.width();
    long c = shape.channels();
    return strided(
        new long[] {shape.batch(), c, h, w}, new long[] {h * w * c, 1, w * c, c}, element);
  }

  static dnnl_memory_desc matrix(long rows, long columns, long rowStride, long columnStride) {
    return matrix(rows, columns, rowStride, columnStride, Element.FLOAT);
  }

  static dnnl_memory_desc matrix(
      long rows, long columns, long rowStride, long columnStride, Element element) {
    return strided(new long[] {rows, columns}, new long[] {rowStride, columnStride}, element);
  }

  static void free(dnnl_memory_desc... descriptions) {
    for (dnnl_memory_desc description : descriptions) {
      dnnl_memory_desc_destroy(description);
    }
  }

  static dnnl_primitive_attr attributes() {
    dnnl_primitive_attr attributes = new dnnl_primitive_attr();
    check(dnnl_primitive_attr_create(attributes), "attributes");
    check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
        "attributes");
    return attributes;
  }
}
