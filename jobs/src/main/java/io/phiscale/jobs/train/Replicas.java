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
  private static final Map<ReplicaSpec, Deque<Replica>> IDLE = new ConcurrentHashMap<>();

  private Replicas() {}

  /** A replica on loan; closing gives it back. */
  static final class Lease implements AutoCloseable {
    private final ReplicaSpec spec;
    private final Replica replica;

    private Lease(ReplicaSpec spec, Replica replica) {
      this.spec = spec;
      this.replica = replica;
    }

    Replica replica() {
      return replica;
    }

    @Override
    public void close() {
      synchronized (IDLE) {
        IDLE.computeIfAbsent(spec, ignored -> new ArrayDeque<>()).push(replica);
      }
    }
  }

  static Lease borrow(ReplicaSpec spec) {
    synchronized (IDLE) {
      IDLE.entrySet()
          .removeIf(
              entry -> {
                if (entry.getKey().equals(spec)) {
                  return false;
                }
                entry.getValue().forEach(Replica::close);
                return true;
              });
      Deque<Replica> idle = IDLE.get(spec);
      if (idle != null && !idle.isEmpty()) {
        return new Lease(spec, idle.pop());
      }
    }
    return new Lease(spec, new Replica(spec));
  }
}
