package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_destroy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_engine;

/**
 * The threads that work on one call of {@link OneDnnKernels}, and what each of them owns.
 *
 * <p>Which member does what depends on their number alone, and sums are put together in the order
 * of the members, so a result is the same in every run.
 */
final class OneDnnTeam implements AutoCloseable {

  /** Fewer elements than this are one thread's work: to wake another costs more. */
  private static final long SHARED_ELEMENTS = 16_384;

  private final int threads;
  private final dnnl_engine engine = new dnnl_engine();
  private final Workers workers;
  private final Member[] members;
  private final Map<String, NativeBuffer> buffers = new HashMap<>();
  private boolean closed;

  /** What belongs to one thread. */
  static final class Member {

    private final OneDnnThread oneDnn;
    private final Passes passes = VectorSupport.passes();
    private final DepthwiseWeightGradient depthwise = VectorSupport.depthwiseWeightGradient();
    private final Map<String, NativeBuffer> buffers = new HashMap<>();
    private final Map<String, float[]> channels = new HashMap<>();
    private final Map<String, double[]> sums = new HashMap<>();
    private long rows;

    private Member(dnnl_engine engine) {
      this.oneDnn = new OneDnnThread(engine);
    }

    OneDnnThread oneDnn() {
      return oneDnn;
    }

    Passes passes() {
      return passes;
    }

    DepthwiseWeightGradient depthwise() {
      return depthwise;
    }

    /** Memory of at least so many values, which keeps its contents until it has to grow. */
    Floats buffer(String name, long length) {
      return buffers.computeIfAbsent(name, key -> new NativeBuffer()).floats(length);
    }

    /** At least so many values, one per channel. */
    float[] channels(String name, int count) {
      float[] values = channels.get(name);
      if (values == null || values.length < count) {
        values = new float[count];
        channels.put(name, values);
      }
      return values;
    }

    /** At least so many sums, as the last use left them. */
    double[] sums(String name, int count) {
      double[] values = sums.get(name);
      if (values == null || values.length < count) {
        values = new double[count];
        sums.put(name, values);
      }
      return values;
    }

    /** {@link #sums}, set to 0. */
    double[] cleared(String name, int count) {
      double[] values = sums(name, count);
      Arrays.fill(values, 0, count, 0);
      return values;
    }

    /** How many rows the member's last moments are of. */
    long rows() {
      return rows;
    }

    void setRows(long count) {
      rows = count;
    }

    private long heldBytes() {
      return oneDnn.heldBytes() + OneDnnTeam.heldBytes(buffers);
    }

    private void close() {
      oneDnn.close();
      buffers.values().forEach(NativeBuffer::close);
    }
  }

  /** One member's part: indices [from, end). */
  interface Slice {
    void run(Member member, int from, int end);
  }

  /** One member's part. */
  interface Part {
    void run(Member member, int part);
  }

  /**
   * @param threads the caller's included, > 0
   */
  OneDnnTeam(int threads) {
    this.threads = threads;
    OneDnn.check(dnnl_engine_create(engine, dnnl_cpu, 0), "an engine");
    members = new Member[threads];
    for (int i = 0; i < threads; i++) {
      members[i] = new Member(engine);
    }
    workers = new Workers(threads, () -> OneDnn.useThreads(1));
  }

  int threads() {
    return threads;
  }

  /** The caller's own. */
  Member first() {
    return members[0];
  }

  Member member(int number) {
    return members[number];
  }

  /** How many parts {@link #share} makes. */
  int shares(int count, long elements) {
    return elements < SHARED_ELEMENTS ? 1 : Math.min(threads, count);
  }

  /** Divides {@code count} things among so many threads that each has at least one. */
  void share(int count, long elements, Slice slice) {
    int shares = shares(count, elements);
    run(
        shares,
        (member, part) -> {
          int from = (int) ((long) count * part / shares);
          int end = (int) ((long) count * (part + 1) / shares);
          slice.run(member, from, end);
        });
  }

  /** Runs parts 0 to shares − 1, each by the member of that number. */
  void run(int shares, Part work) {
    if (closed) {
      throw new IllegalStateException("Cannot compute: these kernels are closed");
    }
    int before = OneDnn.threads();
    if (before != 1) {
      OneDnn.useThreads(1);
    }
    try {
      if (shares == 1) {
        work.run(members[0], 0);
      } else {
        workers.run(
            part -> {
              if (part < shares) {
                work.run(members[part], part);
              }
            });
      }
    } finally {
      if (before != 1) {
        OneDnn.useThreads(before);
      }
    }
  }

  /** Memory that all members see. */
  Floats buffer(String name, long length) {
    return buffers.computeIfAbsent(name, key -> new NativeBuffer()).floats(length);
  }

  /** Where a member puts its part of a sum: the first straight into the result. */
  Floats partial(String name, Member member, Floats result) {
    return member == members[0] ? result : member.buffer(name, result.length());
  }

  /** result += what members 1 to shares − 1 have in {@link #partial}, in this order. */
  void addPartials(String name, int shares, Floats result) {
    if (shares > 1) {
      int length = result.length();
      share(
          length,
          length,
          (member, from, end) -> {
            for (int other = 1; other < shares; other++) {
              member
                  .passes()
                  .scaledSum(
                      members[other].buffer(name, length), 1, result, result, from, end - from);
            }
          });
    }
  }

  /** Adds the sums of members 1 to shares − 1 to those of the first, in this order. */
  void addSums(String name, int shares, int count) {
    double[] total = members[0].sums(name, count);
    for (int other = 1; other < shares; other++) {
      double[] part = members[other].sums(name, count);
      for (int i = 0; i < count; i++) {
        total[i] += part[i];
      }
    }
  }

  /** Native memory of all members, in bytes. */
  long heldBytes() {
    return heldBytes(buffers) + Arrays.stream(members).mapToLong(Member::heldBytes).sum();
  }

  private static long heldBytes(Map<String, NativeBuffer> buffers) {
    return buffers.values().stream().mapToLong(NativeBuffer::heldBytes).sum();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    workers.close();
    for (Member member : members) {
      member.close();
    }
    buffers.values().forEach(NativeBuffer::close);
    dnnl_engine_destroy(engine);
  }
}
