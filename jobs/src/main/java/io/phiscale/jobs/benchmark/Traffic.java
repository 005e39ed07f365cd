package io.phiscale.jobs.benchmark;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkContext;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerBlockUpdated;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.storage.BlockUpdatedInfo;

/**
 * Bytes that executors send and receive, from what Spark tells its listeners: blocks of shuffles
 * fetched from other executors, pieces of broadcasts stored, results of tasks.
 */
final class Traffic extends SparkListener {
  private final SparkContext spark;
  private final Map<String, Long> broadcastPieces = new HashMap<>();
  private long shuffled;
  private long broadcast;
  private long results;

  private Traffic(SparkContext spark) {
    this.spark = spark;
  }

  /** Listens from now on. */
  static Traffic of(SparkContext spark) {
    Traffic traffic = new Traffic(spark);
    spark.addSparkListener(traffic);
    return traffic;
  }

  /**
   * All executors together since the last call.
   *
   * @param shuffled bytes that executors fetched from each other
   * @param broadcast bytes of broadcasts that executors fetched, from the driver or each other
   * @param results bytes that executors sent to the driver
   */
  record Bytes(long shuffled, long broadcast, long results) {}

  /**
   * What has passed since the last call; waits for events under way, for Spark's ten seconds at
   * most.
   */
  Bytes take() throws TimeoutException {
    spark.listenerBus().waitUntilEmpty();
    synchronized (this) {
      Bytes bytes = new Bytes(shuffled, broadcast, results);
      shuffled = 0;
      broadcast = 0;
      results = 0;
      return bytes;
    }
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd ended) {
    TaskMetrics metrics = ended.taskMetrics();
    if (metrics != null) {
      shuffled += metrics.shuffleReadMetrics().remoteBytesRead();
      results += metrics.resultSize();
    }
  }

  @Override
  public synchronized void onBlockUpdated(SparkListenerBlockUpdated updated) {
    BlockUpdatedInfo block = updated.blockUpdatedInfo();
    if (!block.blockId().isBroadcast() || block.blockManagerId().isDriver()) {
      return;
    }
    // The whole value is kept beside its pieces, which are what travelled.
    String name = block.blockId().name();
    String key = block.blockManagerId().executorId() + "/" + name;
    if (block.storageLevel().isValid()
        && name.contains("_piece")
        && broadcastPieces.put(key, block.memSize() + block.diskSize()) == null) {
      broadcast += block.memSize() + block.diskSize();
    }
  }
}
