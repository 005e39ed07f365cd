package io.phiscale.jobs.doctor;

import io.phiscale.model.kernels.OneDnnKernels;
import io.phiscale.pipeline.image.DecodeResult;
import io.phiscale.pipeline.image.ImageDecoder;
import java.io.Serializable;
import java.net.URI;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What the JVM of one task has: Java, vectors, native libraries, memory. */
final class LookAtExecutor
    implements FlatMapFunction<Iterator<Integer>, LookAtExecutor.Findings>, Serializable {
  private static final long serialVersionUID = 1L;
  private static final long LEAST_HEAP = 1L << 30;

  /** A PNG of 1 x 1 px. */
  private static final String PICTURE =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

  private final LookAtStorage storage;
  private final List<Place> places;

  /** Where an executor must be able to write. */
  record Place(String key, URI folder) implements Serializable {}

  /**
   * What one executor found.
   *
   * @param executor its id in Spark; "driver" in local mode
   * @param host where it runs
   * @param all the findings
   */
  record Findings(String executor, String host, List<Finding> all) implements Serializable {}

  LookAtExecutor(LookAtStorage storage, List<Place> places) {
    this.storage = storage;
    this.places = List.copyOf(places);
  }

  @Override
  public Iterator<Findings> call(Iterator<Integer> tasks) {
    int task = tasks.next();
    List<Finding> all = new ArrayList<>();
    all.add(java());
    all.add(vectors());
    all.add(nd4j());
    all.add(oneDnn());
    all.add(openCv());
    for (Place place : places) {
      all.add(storage.write(place.key(), place.folder(), "task-" + task));
    }
    SparkEnv env = SparkEnv.get();
    return List.of(new Findings(env.executorId(), env.blockManager().blockManagerId().host(), all))
        .iterator();
  }

  private static Finding java() {
    long heap = Runtime.getRuntime().maxMemory();
    String detail =
        String.format(
            Locale.ROOT,
            "%s, %s %s, %,d MiB heap, %d processors",
            Runtime.version(),
            System.getProperty("os.name"),
            System.getProperty("os.arch"),
            heap >> 20,
            Runtime.getRuntime().availableProcessors());
    if (Runtime.version().feature() < 17) {
      return Finding.failed("Java", detail, "Java 17 is needed");
    }
    return heap < LEAST_HEAP
        ? Finding.warning(
            "Java", detail, "PHISCALE_HEAP or spark.executor.memory: 1 GiB at the least")
        : Finding.ok("Java", detail);
  }

  private static Finding vectors() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
        ? Finding.ok("vector module", "jdk.incubator.vector")
        : Finding.warning(
            "vector module",
            "absent: passes over feature maps are plain loops, several times slower",
            "add --add-modules=jdk.incubator.vector to spark.executor.extraJavaOptions (and"
                + " spark.driver.extraJavaOptions)");
  }

  private static Finding nd4j() {
    try (INDArray ones = Nd4j.ones(DataType.FLOAT, 2, 2)) {
      float sum = ones.sumNumber().floatValue();
      return sum == 4
          ? Finding.ok("ND4J", Nd4j.getBackend().getClass().getSimpleName())
          : Finding.failed("ND4J", "1 + 1 + 1 + 1 gives " + sum, "take another machine");
    } catch (LinkageError | RuntimeException e) {
      return Finding.failed(
          "ND4J", "its native library does not load: " + e, "the build is for linux-x86_64");
    }
  }

  private static Finding oneDnn() {
    return OneDnnKernels.available()
        ? Finding.ok("oneDNN", "loads")
        : Finding.warning(
            "oneDNN",
            "not used: " + OneDnnKernels.unavailableReason(),
            "kernels are ND4J's own: an order of magnitude slower on a CPU");
  }

  private static Finding openCv() {
    try (ImageDecoder decoder = new ImageDecoder()) {
      DecodeResult result = decoder.decode(Base64.getDecoder().decode(PICTURE));
      if (result instanceof DecodeResult.Decoded decoded) {
        decoded.close();
        return Finding.ok("OpenCV", "decodes");
      }
      return Finding.failed("OpenCV", "does not decode: " + result, "the library is damaged");
    } catch (LinkageError e) {
      return Finding.failed(
          "OpenCV", "its native library does not load: " + e, "the build is for linux-x86_64");
    }
  }
}
