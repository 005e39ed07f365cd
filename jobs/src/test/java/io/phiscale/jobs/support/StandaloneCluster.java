package io.phiscale.jobs.support;

import io.phiscale.jobs.cli.Phiscale;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.spark.deploy.master.Master;
import org.apache.spark.deploy.worker.Worker;

/**
 * A Spark standalone cluster on this machine: a master and workers of one core each, every one a
 * JVM of its own, on free ports of the loopback network. The class path is this JVM's; no Spark
 * distribution is needed.
 *
 * <p>Worker i is on host 127.0.0.(i + 1), for Spark to see machines: speculation never uses the one
 * that is slow.
 */
public final class StandaloneCluster implements AutoCloseable {
  private static final Duration START = Duration.ofMinutes(3);

  private final Path folder;
  private final Map<String, String> environment = new LinkedHashMap<>();
  private final JvmProcess master;
  private final String url;
  private final List<JvmProcess> workers = new ArrayList<>();

  /**
   * Starts it and waits until all workers are known to the master.
   *
   * @param folder for the workers' files
   * @param count number of workers
   */
  public StandaloneCluster(Path folder, int count) throws IOException, InterruptedException {
    this.folder = folder;
    // Spark looks for its jars here; what runs gets the class path of the test.
    Path home = Files.createDirectories(folder.resolve("spark-home"));
    Files.createDirectories(home.resolve("jars"));
    environment.put("SPARK_HOME", home.toString());
    environment.put("SPARK_SCALA_VERSION", "2.12");
    environment.put("SPARK_LOCAL_IP", "127.0.0.1");
    environment.put("SPARK_NO_DAEMONIZE", "1");
    environment.put("OMP_NUM_THREADS", "1");
    environment.put("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
    master =
        new JvmProcess(
            "the master",
            environment,
            daemonOptions(),
            Master.class,
            List.of("--host", "127.0.0.1", "--port", "0", "--webui-port", "0"));
    try {
      url =
          master.await(Pattern.compile("Starting Spark master at (spark://\\S+)"), START).group(1);
      for (int i = 0; i < count; i++) {
        workers.add(worker(i));
      }
      for (JvmProcess worker : workers) {
        awaitRegistration(worker);
      }
    } catch (IOException | InterruptedException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private JvmProcess worker(int index) throws IOException {
    String host = "127.0.0." + (index + 1);
    Map<String, String> own = new LinkedHashMap<>(environment);
    own.put("SPARK_LOCAL_IP", host);
    return new JvmProcess(
        "worker " + index,
        own,
        daemonOptions(),
        Worker.class,
        List.of(
            "--host",
            host,
            "--port",
            "0",
            "--webui-port",
            "0",
            "--cores",
            "1",
            "--memory",
            "1g",
            "--work-dir",
            folder.resolve("worker-" + index).toString(),
            url));
  }

  private static void awaitRegistration(JvmProcess worker) throws InterruptedException {
    worker.await(Pattern.compile("Successfully registered with master"), START);
  }

  private static List<String> daemonOptions() {
    return List.of("-Xmx256m", "-XX:+UseSerialGC", logging());
  }

  private static String logging() {
    try {
      URI file = StandaloneCluster.class.getResource("/log4j2-cluster.properties").toURI();
      return "-Dlog4j2.configurationFile=" + file;
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Configuration values of an application that runs on it. */
  public Map<String, String> configuration() {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("spark.master", url);
    values.put("spark.properties.\"spark.driver.host\"", "127.0.0.1");
    values.put("spark.properties.\"spark.driver.bindAddress\"", "127.0.0.1");
    values.put("spark.properties.\"spark.ui.enabled\"", "false");
    values.put("spark.properties.\"spark.executor.memory\"", "512m");
    values.put(
        "spark.properties.\"spark.executor.extraClassPath\"",
        System.getProperty("java.class.path"));
    return values;
  }

  /**
   * Starts {@code phiscale} as a driver of its own, which prints a progress line after every round
   * and Spark's account of tasks and executors.
   *
   * @param arguments the command and its options
   */
  public JvmProcess phiscale(List<String> arguments) throws IOException {
    return new JvmProcess(
        "the driver",
        environment,
        List.of(
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-Dphiscale.terminal=interactive",
            "-Dorg.bytedeco.javacpp.logger=slf4j",
            logging()),
        Phiscale.class,
        arguments);
  }

  /** The executor that a worker runs. */
  public ProcessHandle executor(int worker) {
    List<ProcessHandle> running = workers.get(worker).handle().children().toList();
    if (running.size() != 1) {
      throw new IllegalStateException(
          String.format("Worker %s has %s executors, not 1", worker, running.size()));
    }
    return running.get(0);
  }

  /** {@code kill -9} of a worker and of its executor, as when a machine dies. */
  public void killWorker(int worker) {
    ProcessHandle executor = executor(worker);
    workers.get(worker).kill();
    JvmProcess.kill(executor);
  }

  /** Puts a new worker in the place of one, which is killed if it was not. */
  public void replaceWorker(int worker) throws IOException, InterruptedException {
    workers.get(worker).close();
    workers.set(worker, worker(worker));
    awaitRegistration(workers.get(worker));
  }

  @Override
  public void close() {
    workers.forEach(JvmProcess::close);
    master.close();
  }
}
