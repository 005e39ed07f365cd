package io.phiscale.jobs.benchmark;

import io.phiscale.jobs.benchmark.Traffic.Bytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeoutException;
import java.util.function.ToDoubleFunction;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Time and traffic of rounds of averaging in which workers compute nothing worth naming.
 *
 * <p>The driver's traffic is what its process reads and writes (Linux counts sockets and files
 * together; the driver uses no files in a round). The executors' is Spark's own account, see {@link
 * Traffic}, as a mean.
 */
public final class AveragingBenchmark {
  private static final Path COUNTERS = Path.of("/proc/self/io");

  private AveragingBenchmark() {}

  /**
   * Medians of the rounds.
   *
   * @param setting what was measured
   * @param workers replicas
   * @param seconds of a round
   * @param driverSent bytes
   * @param driverReceived bytes
   * @param executorSent bytes of one executor, to others and to the driver
   * @param executorReceived bytes of one executor
   */
  public record Result(
      AveragingSetting setting,
      int workers,
      double seconds,
      double driverSent,
      double driverReceived,
      double executorSent,
      double executorReceived) {

    /** Headings of {@link #line}. */
    public static String heading() {
      return String.format(
          "%-14s %-5s %7s %9s %9s %11s %11s %12s %12s %12s",
          "trainer",
          "wire",
          "workers",
          "executors",
          "model MB",
          "round s",
          "driver out",
          "driver in",
          "executor out",
          "executor in");
    }

    /** One line, megabytes of 10^6 bytes. */
    public String line() {
      return String.format(
          Locale.ROOT,
          "%-14s %-5s %7d %9d %9.1f %11.3f %11.1f %12.1f %12.1f %12.1f",
          setting.trainer().key(),
          setting.wire().name().toLowerCase(Locale.ROOT),
          workers,
          setting.executors(workers),
          Float.BYTES * setting.values() / 1e6,
          seconds,
          driverSent / 1e6,
          driverReceived / 1e6,
          executorSent / 1e6,
          executorReceived / 1e6);
    }
  }

  private record Round(double seconds, long sent, long received, Bytes executors) {}

  /**
   * Measures.
   *
   * @param spark a context of as many executors as the setting wants
   * @param workers replicas
   */
  public static Result run(JavaSparkContext spark, AveragingSetting setting, int workers)
      throws IOException, InterruptedException, TimeoutException {
    Averager averager = Averager.of(spark, setting, workers);
    for (int i = 0; i < setting.rounds(); i++) {
      averager.round();
    }
    Traffic traffic = Traffic.of(spark.sc());
    List<Round> rounds = new ArrayList<>();
    for (int i = 0; i < setting.rounds(); i++) {
      traffic.take();
      long sent = counter("wchar");
      long received = counter("rchar");
      long began = System.nanoTime();
      averager.round();
      double seconds = (System.nanoTime() - began) / 1e9;
      long sentThen = counter("wchar");
      long receivedThen = counter("rchar");
      rounds.add(new Round(seconds, sentThen - sent, receivedThen - received, traffic.take()));
    }
    double executors = setting.executors(workers);
    return new Result(
        setting,
        workers,
        median(rounds, Round::seconds),
        median(rounds, Round::sent),
        median(rounds, Round::received),
        // What the driver did not send of a broadcast, executors sent each other.
        median(
            rounds,
            round ->
                (round.executors().shuffled()
                        + round.executors().results()
                        + Math.max(0, round.executors().broadcast() - round.sent()))
                    / executors),
        median(
            rounds,
            round -> (round.executors().shuffled() + round.executors().broadcast()) / executors));
  }

  private static double median(List<Round> rounds, ToDoubleFunction<Round> value) {
    double[] sorted = rounds.stream().mapToDouble(value).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  private static long counter(String name) throws IOException {
    for (String line : Files.readAllLines(COUNTERS)) {
      if (line.startsWith(name + ": ")) {
        return Long.parseLong(line.substring(name.length() + 2));
      }
    }
    throw new IOException("Cannot count this process's traffic: no " + name + " in " + COUNTERS);
  }
}
