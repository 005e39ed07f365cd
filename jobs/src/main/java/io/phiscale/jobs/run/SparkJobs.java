package io.phiscale.jobs.run;

import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorAdded;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.TaskInfo;

/**
 * What the tasks of a Spark context do, for waits that end: a wait that passes its deadline says
 * which tasks it waited for, on which executors, or that none had begun.
 *
 * <p>Sees the tasks of the jobs of one group that begin between its making and its closing: other
 * jobs of the context, of the cells of a study that run at the same time, are not its own.
 */
public final class SparkJobs extends SparkListener implements AutoCloseable {
  private static final int TASKS_SHOWN = 5;

  private final JavaSparkContext spark;
  private final String group;
  private final Set<Integer> stages = new HashSet<>();
  private final Map<Long, Running> running = new TreeMap<>();
  private long lastSign = System.nanoTime();

  private record Running(int stage, TaskInfo task, long since) {
    @Override
    public String toString() {
      return String.format(
          "task %s of stage %s on executor %s (%s), %s s",
          task.index(),
          stage,
          task.executorId(),
          task.host(),
          (System.nanoTime() - since) / 1_000_000_000);
    }
  }

  /**
   * @param spark the context
   * @param group of the jobs whose tasks count from now on
   */
  public SparkJobs(JavaSparkContext spark, String group) {
    this.spark = spark;
    this.group = group;
    spark.sc().addSparkListener(this);
  }

  /**
   * Runs actions of Spark until they end, or until none of their tasks has ended for too long.
   *
   * @param spark the context
   * @param what shown in the Spark UI and in errors, as "evaluate x on val"
   * @param deadline longest time in which no task ends
   * @param key the configuration key that holds it
   * @param actions what is run, in this thread
   * @throws IllegalStateException if the deadline passed: names what was waited for
   */
  public static <T> T run(
      JavaSparkContext spark, String what, Duration deadline, String key, Supplier<T> actions) {
    ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            work -> {
              Thread thread = new Thread(work, "phiscale-deadline");
              thread.setDaemon(true);
              return thread;
            });
    String group = "phiscale-" + what;
    spark.setJobGroup(group, what, true);
    try (SparkJobs jobs = new SparkJobs(spark, group)) {
      Expiry expiry = new Expiry(jobs, group, deadline, Thread.currentThread());
      long turn = Math.max(1, Math.min(1000, deadline.toMillis() / 4));
      Future<?> unused = clock.scheduleWithFixedDelay(expiry, turn, turn, TimeUnit.MILLISECONDS);
      try {
        return actions.get();
      } catch (Exception e) {
        String waitedFor = expiry.waitedFor();
        if (waitedFor.isEmpty()) {
          throw e;
        }
        // Where it was interrupted, that has been heard.
        Thread.interrupted();
        throw new IllegalStateException(
            String.format(
                "%s: no task ended within %s (%s); waited for %s", what, deadline, key, waitedFor),
            e);
      }
    } finally {
      clock.shutdownNow();
      spark.clearJobGroup();
    }
  }

  /** Ends a job that gives no sign, and then its wait too if that does not heed it. */
  private static final class Expiry implements Runnable {
    private final SparkJobs jobs;
    private final String group;
    private final Duration deadline;
    private final Thread waiting;
    private volatile String waitedFor = "";

    Expiry(SparkJobs jobs, String group, Duration deadline, Thread waiting) {
      this.jobs = jobs;
      this.group = group;
      this.deadline = deadline;
      this.waiting = waiting;
    }

    String waitedFor() {
      return waitedFor;
    }

    @Override
    public void run() {
      long silent = jobs.silentNanos();
      if (waitedFor.isEmpty() && silent > deadline.toNanos()) {
        waitedFor = jobs.waitedFor();
        jobs.spark.sc().cancelJobGroup(group);
      } else if (!waitedFor.isEmpty() && silent > deadline.toNanos() * 2) {
        waiting.interrupt();
      }
    }
  }

  /** What there is to wait for: the tasks that run, or why none does. */
  public synchronized String waitedFor() {
    if (running.isEmpty()) {
      return spark.sc().getExecutorMemoryStatus().size() > 1 || spark.isLocal()
          ? "the driver's own work: no task runs"
          : "executors: none is there (does the cluster have free cores and memory for one?)";
    }
    String shown =
        running.values().stream()
            .limit(TASKS_SHOWN)
            .map(Running::toString)
            .collect(Collectors.joining("; "));
    int more = running.size() - TASKS_SHOWN;
    return more > 0 ? shown + "; and " + more + " more" : shown;
  }

  private synchronized long silentNanos() {
    return System.nanoTime() - lastSign;
  }

  @Override
  public synchronized void onJobStart(SparkListenerJobStart start) {
    Properties properties = start.properties();
    if (properties != null && group.equals(properties.getProperty("spark.jobGroup.id"))) {
      start.stageInfos().foreach(stage -> stages.add(stage.stageId()));
    }
  }

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart start) {
    if (stages.contains(start.stageId())) {
      running.put(
          start.taskInfo().taskId(),
          new Running(start.stageId(), start.taskInfo(), System.nanoTime()));
    }
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    if (running.remove(end.taskInfo().taskId()) != null) {
      lastSign = System.nanoTime();
    }
  }

  @Override
  public synchronized void onExecutorAdded(SparkListenerExecutorAdded added) {
    lastSign = System.nanoTime();
  }

  @Override
  public void close() {
    spark.sc().removeSparkListener(this);
  }
}
