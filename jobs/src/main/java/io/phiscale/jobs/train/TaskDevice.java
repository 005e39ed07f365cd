package io.phiscale.jobs.train;

import io.phiscale.model.train.Accelerators;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The GPU that a task computes on: the one that Spark's resource scheduling gave it ({@code
 * spark.task.resource.gpu.amount}), where ND4J computes on GPUs. Without resource scheduling it is
 * the one that ND4J gives to the thread.
 */
public final class TaskDevice {
  /** Of a task that computes on the CPU. */
  public static final int CPU = -1;

  private static final String RESOURCE = "gpu";
  private static final Logger LOG = LoggerFactory.getLogger(TaskDevice.class);
  private static final AtomicBoolean SAID = new AtomicBoolean();

  private TaskDevice() {}

  /**
   * Lets the calling thread, a task's, compute on the task's GPU. To be called before a network is
   * built, since that stays where it was built.
   *
   * @return index of the GPU, or {@link #CPU}
   * @throws IllegalStateException if there is no such GPU, or ND4J has no code for it
   */
  public static int bind() {
    return bind(addresses(), Accelerators.ofNd4j());
  }

  /** GPUs that Spark gave to the task of the calling thread; none outside a task. */
  static List<String> addresses() {
    TaskContext task = TaskContext.get();
    ResourceInformation gpus = task == null ? null : task.resourcesJMap().get(RESOURCE);
    return gpus == null ? List.of() : List.of(gpus.addresses());
  }

  static int bind(List<String> addresses, Accelerators accelerators) {
    int count = accelerators.count();
    if (count == 0) {
      if (!addresses.isEmpty() && SAID.compareAndSet(false, true)) {
        LOG.warn(
            "Spark gave GPU {} to a task, but this build of Phiscale computes on the CPU: build it"
                + " with -Pcuda, or ask for no GPUs",
            String.join(", ", addresses));
      }
      return CPU;
    }
    int index = addresses.isEmpty() ? accelerators.current() : index(addresses, count);
    accelerators
        .device(index)
        .problem()
        .ifPresent(
            problem -> {
              throw new IllegalStateException(problem);
            });
    if (!addresses.isEmpty()) {
      accelerators.use(index);
    }
    return index;
  }

  private static int index(List<String> addresses, int count) {
    if (addresses.size() > 1) {
      throw new IllegalStateException(
          String.format(
              "Cannot compute on GPUs %s in one task: a worker uses one (set"
                  + " spark.task.resource.gpu.amount to 1, or to a fraction to share them)",
              String.join(", ", addresses)));
    }
    String address = addresses.get(0).strip();
    if (!address.matches("\\d{1,9}") || Integer.parseInt(address) >= count) {
      throw new IllegalStateException(
          String.format(
              "Cannot compute on GPU %s: ND4J sees %s here (the discovery script must give indexes"
                  + " below that, as conf/getGpusResources.sh does)",
              address, count));
    }
    return Integer.parseInt(address);
  }
}
