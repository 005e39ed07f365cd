package io.phiscale.jobs.run;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/**
 * Opens the Spark session that a configuration asks for: that of {@code spark-submit}, or one
 * embedded in this JVM.
 */
public final class SparkContexts {
  private SparkContexts() {}

  /**
   * Opens (or joins) the session.
   *
   * @param configuration its {@code spark} and {@code storage} sections
   * @param localWorkers threads of an embedded {@code local[n]} session
   */
  public static SparkSession open(PhiscaleConfiguration configuration, int localWorkers) {
    SparkConf conf = new SparkConf();
    String master = configuration.spark().masterOr(conf.get("spark.master", ""), localWorkers);
    conf.setMaster(master);
    conf.setIfMissing("spark.app.name", configuration.spark().appName());
    if (master.startsWith("local")) {
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
      conf.setIfMissing("spark.ui.enabled", "false");
    }
    if (master.startsWith("local-cluster")) {
      // Executors of this mode start from nothing: they get this JVM's class path.
      conf.setIfMissing("spark.executor.extraClassPath", System.getProperty("java.class.path"));
    }
    if (configuration.study().concurrent() != 1) {
      // Cells that run at the same time share the cluster, each in its pool.
      conf.setIfMissing("spark.scheduler.mode", "FAIR");
    }
    conf.setIfMissing("spark.ui.showConsoleProgress", "false");
    // Executors compute with Java's vectors, as the launcher lets this JVM.
    conf.setIfMissing("spark.executor.extraJavaOptions", "--add-modules=jdk.incubator.vector");
    // Large pages for large arrays, as the launcher asks for them here.
    conf.setIfMissing("spark.executorEnv.GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
    conf.setIfMissing("spark.executorEnv.OMP_NUM_THREADS", conf.get("spark.task.cpus", "1"));
    configuration.sparkProperties().forEach(conf::set);
    return SparkSession.builder().config(conf).getOrCreate();
  }
}
