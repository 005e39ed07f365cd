package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_f32;

/** What a number in native memory is, to oneDNN. */
enum Element {
  FLOAT(Float.BYTES),
  /** The upper half of a FLOAT. */
  BFLOAT16(Short.BYTES);

  private final int bytes;

  Element(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }

  /** {@code dnnl_data_type_t}. */
  int oneDnnType() {
    return this == FLOAT ? dnnl_f32 : dnnl_bf16;
  }
}
