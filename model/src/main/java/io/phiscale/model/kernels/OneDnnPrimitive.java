package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_get_size;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_set_data_handle;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_impl_info_str;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_scratchpad_md;

import java.util.List;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * A primitive of oneDNN with its arguments, to be run again and again on other addresses. Belongs
 * to one thread.
 */
final class OneDnnPrimitive implements AutoCloseable {

  /**
   * @param index {@code DNNL_ARG_…}
   * @param description of its memory
   */
  record Argument(int index, dnnl_memory_desc description) {}

  private final dnnl_primitive primitive = new dnnl_primitive();
  private final dnnl_memory[] memories;
  private final dnnl_exec_arg_t arguments;
  private final long scratchBytes;
  private final String implementation;
  private final Floats.Address address = new Floats.Address();

  /** The descriptor and the descriptions stay the caller's, to free. */
  OneDnnPrimitive(dnnl_engine engine, dnnl_primitive_desc descriptor, List<Argument> argumentList) {
    OneDnn.check(dnnl_primitive_create(primitive, descriptor), "a primitive");
    int count = argumentList.size();
    memories = new dnnl_memory[count + 1];
    arguments = new dnnl_exec_arg_t(count + 1);
    dnnl_memory_desc scratch =
        dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    scratchBytes = dnnl_memory_desc_get_size(scratch);
    Pointer nowhere = new Pointer();
    for (int i = 0; i <= count; i++) {
      Argument argument =
          i < count ? argumentList.get(i) : new Argument(DNNL_ARG_SCRATCHPAD, scratch);
      memories[i] = new dnnl_memory();
      OneDnn.check(
          dnnl_memory_create(memories[i], argument.description(), engine, nowhere), "memory");
      arguments.position(i).arg(argument.index()).memory(memories[i]);
    }
    arguments.position(0);
    implementation = implementation(descriptor);
  }

  private static String implementation(dnnl_primitive_desc descriptor) {
    try (PointerPointer<BytePointer> text = new PointerPointer<>(1)) {
      OneDnn.check(
          dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, text), "a name");
      return text.get(BytePointer.class, 0).getString();
    }
  }

  /** Which of its implementations oneDNN took. */
  String implementation() {
    return implementation;
  }

  /** Scratch that {@link #run} has to be given. */
  long scratchBytes() {
    return scratchBytes;
  }

  /** Sets the address of the argument at this place of the list. */
  OneDnnPrimitive at(int argument, long value) {
    OneDnn.check(
        dnnl_memory_set_data_handle(memories[argument], address.at(value, 0)), "an address");
    return this;
  }

  /** Runs on the addresses set before. */
  void run(dnnl_stream stream, long scratchAddress) {
    at(memories.length - 1, scratchAddress);
    OneDnn.check(
        dnnl_primitive_execute(primitive, stream, memories.length, arguments), implementation);
  }

  @Override
  public void close() {
    dnnl_primitive_destroy(primitive);
    for (dnnl_memory memory : memories) {
      dnnl_memory_destroy(memory);
    }
    arguments.deallocate();
  }
}
