package io.phiscale.model.train;

import io.phiscale.model.kernels.Views;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * What of ND4J's back end a replica needs to know: host views of arrays, where the newest values
 * are, and the number of threads. On the CPU, host and device are one.
 */
final class Backend {
  private static int threadsOfProcess;
  private static final ThreadLocal<Integer> THREADS_OF_OPEN_MP = new ThreadLocal<>();

  private Backend() {}

  /**
   * Sets the threads of ND4J's operations. Its own pool and OpenBLAS count for the whole JVM (all
   * replicas of a job agree), OpenMP for each calling thread. With another number of threads sums
   * are rounded in another order, so all three must be set for results to be the same everywhere.
   */
  static void useThreads(int threads) {
    synchronized (Backend.class) {
      if (threadsOfProcess != threads) {
        Environment environment = Nd4j.getEnvironment();
        environment.setMaxMasterThreads(threads);
        environment.setMaxThreads(threads);
        if (environment.isCPU()) {
          Nd4j.factory().blas().setMaxThreads(threads);
        }
        threadsOfProcess = threads;
      }
    }
    if (!Integer.valueOf(threads).equals(THREADS_OF_OPEN_MP.get())) {
      NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(threads);
      THREADS_OF_OPEN_MP.set(threads);
    }
  }

  /** The values of a contiguous float32 array in host memory, from index 0. */
  static FloatBuffer view(INDArray array) {
    return Views.onHost(array);
  }

  /** Brings the newest values to the host. */
  static void toHost(INDArray array) {
    Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
  }

  /** Says that the newest values are the host's. */
  static void changedOnHost(INDArray array) {
    Nd4j.getAffinityManager().tagLocation(array, AffinityManager.Location.HOST);
  }

  /** Copies images into an array of their shape: the given one where it fits, else a new one. */
  static INDArray images(INDArray reusable, FloatBuffer images, int count, NetworkSpec network) {
    long px = network.resolutionPx();
    long values = count * px * px * network.inputChannels();
    if (images.remaining() != values) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid images: %s values (must be %s, %s x %s x %s x %s)",
              images.remaining(), values, count, px, px, network.inputChannels()));
    }
    INDArray array = reusable;
    if (array == null || array.size(0) != count) {
      close(array);
      array = Nd4j.createUninitialized(DataType.FLOAT, count, px, px, network.inputChannels());
    }
    view(array).put(0, images, images.position(), images.remaining());
    changedOnHost(array);
    return array;
  }

  /** Frees an array, if there is one. */
  static void close(INDArray array) {
    if (array != null && array.closeable()) {
      array.close();
    }
  }
}
