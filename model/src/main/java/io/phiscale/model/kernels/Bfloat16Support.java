package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx10_1_512_amx_fp16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx10_2_512;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx10_2_512_amx_2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2_vnni;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2_vnni_2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_amx;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_fp16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_vnni;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_sse41;

import java.util.Map;

/** What a CPU does with bfloat16, by the instruction set that oneDNN uses on it. */
enum Bfloat16Support {
  /** Nothing, or too little to gain by it. */
  NONE,

  /**
   * AVX512-BF16: halves memory traffic. Its products are slower than FLOAT's in oneDNN 3.11
   * (measured: docs/benchmarks.md), so products are FLOAT's.
   */
  VECTORS,

  /** AMX: products of matrices, several times as fast as FLOAT's. */
  TILES;

  /** Of one image, as FLOATs. Smaller feature maps stay in a cache well enough. */
  private static final long LARGE_BYTES = 2L << 20;

  private static final int SMALL_KERNEL = 3;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(dnnl_cpu_isa_sse41, "SSE4.1"),
          Map.entry(dnnl_cpu_isa_avx2, "AVX2"),
          Map.entry(dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI"),
          Map.entry(dnnl_cpu_isa_avx2_vnni_2, "AVX2 with VNNI 2"),
          Map.entry(dnnl_cpu_isa_avx512_core, "AVX512"),
          Map.entry(dnnl_cpu_isa_avx512_core_vnni, "AVX512 with VNNI"),
          Map.entry(dnnl_cpu_isa_avx512_core_bf16, "AVX512 with BF16"),
          Map.entry(dnnl_cpu_isa_avx512_core_fp16, "AVX512 with BF16 and FP16"),
          Map.entry(dnnl_cpu_isa_avx512_core_amx, "AVX512 with AMX"),
          Map.entry(dnnl_cpu_isa_avx10_1_512_amx_fp16, "AVX10.1 with AMX"),
          Map.entry(dnnl_cpu_isa_avx10_2_512, "AVX10.2"),
          Map.entry(dnnl_cpu_isa_avx10_2_512_amx_2, "AVX10.2 with AMX"));

  /**
   * @param isa {@code dnnl_cpu_isa_t}, whose bits are those of the sets that it contains
   */
  static Bfloat16Support of(int isa) {
    if ((isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx) {
      return TILES;
    }
    return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16 ? VECTORS : NONE;
  }

  /**
   * Whether a depthwise convolution and what is around it are faster on bfloat16. With vectors
   * alone that is so only where memory is the limit: few multiplications, a large input.
   */
  boolean fasterFor(ConvolutionShape depthwise) {
    return switch (this) {
      case NONE -> false;
      case TILES -> true;
      case VECTORS ->
          depthwise.kernelHeight() <= SMALL_KERNEL
              && depthwise.input().elements() / depthwise.input().batch() * Float.BYTES
                  >= LARGE_BYTES;
    };
  }

  /** Why bfloat16 is not computed with on such a CPU; empty if it is. */
  static String problem(int isa) {
    return of(isa) == NONE
        ? String.format(
            "the instruction set of this CPU is %s (must have AVX512-BF16 or AMX)", name(isa))
        : "";
  }

  private static String name(int isa) {
    return NAMES.getOrDefault(isa, "oneDNN's number " + isa);
  }
}
