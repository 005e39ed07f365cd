package io.phiscale.jobs.train;

import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The replicas of this JVM, kept between rounds: building a network and its buffers costs more than
 * loading new parameters into it. As many are kept as ever trained at once. A task that asks for
 * another network closes the idle replicas of the former, so that a study holds the memory of one.
 */
final class Replicas {
  /** A replica stays on the device it was built on. */
  private record Kind(ReplicaSpec spec, int device) {}

  private static final Map<Kind, Deque<Replica>> IDLE = new ConcurrentHashMap<>();

  private Replicas() {}

  /** A replica on loan; closing gives it back. */
  static final class Lease implements AutoCloseable {
    private final Kind kind;
    private final Replica replica;

    private Lease(Kind kind, Replica replica) {
      this.kind = kind;
      this.replica = replica;
    }

    Replica replica() {
      return replica;
    }

    @Override
    public void close() {
      synchronized (IDLE) {
        IDLE.computeIfAbsent(kind, ignored -> new ArrayDeque<>()).push(replica);
      }
    }
  }

  /** Lends one to a task, on the task's device. */
  static Lease borrow(ReplicaSpec spec) {
    Kind kind = new Kind(spec, TaskDevice.bind());
    synchronized (IDLE) {
      IDLE.entrySet()
          .removeIf(
              entry -> {
                if (entry.getKey().spec().equals(spec)) {
                  return false;
                }
                entry.getValue().forEach(Replica::close);
                return true;
              });
      Deque<Replica> idle = IDLE.get(kind);
      if (idle != null && !idle.isEmpty()) {
        return new Lease(kind, idle.pop());
      }
    }
    return new Lease(kind, new Replica(spec));
  }
}
