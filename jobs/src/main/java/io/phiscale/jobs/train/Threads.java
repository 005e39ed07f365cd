package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.KernelsChoice;
import java.util.Locale;
import org.apache.spark.SparkContext;

/** How the arithmetic of one Spark task is done: by which kernels, in how many threads. */
public final class Threads {
  private Threads() {}

  /** Threads of one task: the cores that Spark gives it. */
  public static int ofTask(SparkContext spark) {
    return spark.conf().getInt("spark.task.cpus", 1);
  }

  /** The name of the chosen kernels, as {@code Kernels.create} knows them. */
  public static String kernels(KernelsChoice choice) {
    return choice.name().toLowerCase(Locale.ROOT);
  }
}
