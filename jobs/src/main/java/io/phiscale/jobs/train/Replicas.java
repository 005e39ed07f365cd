package io.phiscale.jobs.train;

import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The replicas of this JVM, kept between rounds: building a network and its buffers costs more than
 * loading new parameters into it. As many are kept as ever trained at once, of as many networks as
 * ever trained at once: a study that trains one cell after the other holds the memory of one
 * network, as a task that asks for another one closes the idle replicas of the former.
 */
final class Replicas {
  /** A replica stays on the device it was built on. */
  private record Kind(ReplicaSpec spec, int device) {}

  private static final Map<Kind, Deque<Replica>> IDLE = new HashMap<>();

  /** How many of each network are on loan now. */
  private static final Map<ReplicaSpec, Integer> LENT = new HashMap<>();

  /** The networks there are, the one that was asked for longest ago first. */
  private static final Set<ReplicaSpec> RECENT = new LinkedHashSet<>();

  private static int networksAtOnce;

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
        returned(kind.spec());
        IDLE.computeIfAbsent(kind, ignored -> new ArrayDeque<>()).push(replica);
      }
    }
  }

  /** Lends one to a task, on the task's device. */
  static Lease borrow(ReplicaSpec spec) {
    Kind kind = new Kind(spec, TaskDevice.bind());
    synchronized (IDLE) {
      LENT.merge(spec, 1, Integer::sum);
      networksAtOnce = Math.max(networksAtOnce, LENT.size());
      RECENT.remove(spec);
      RECENT.add(spec);
      closeOthers();
      Deque<Replica> idle = IDLE.get(kind);
      if (idle != null && !idle.isEmpty()) {
        return new Lease(kind, idle.pop());
      }
    }
    try {
      return new Lease(kind, new Replica(spec));
    } catch (RuntimeException | Error e) {
      synchronized (IDLE) {
        returned(spec);
      }
      throw e;
    }
  }

  private static void returned(ReplicaSpec spec) {
    LENT.computeIfPresent(spec, (ignored, lent) -> lent == 1 ? null : lent - 1);
  }

  /** Closes idle replicas of networks beyond those that trained at once. */
  private static void closeOthers() {
    List<ReplicaSpec> idle = new ArrayList<>(RECENT);
    idle.removeAll(LENT.keySet());
    for (ReplicaSpec oldest : idle) {
      if (RECENT.size() <= networksAtOnce) {
        return;
      }
      RECENT.remove(oldest);
      IDLE.entrySet()
          .removeIf(
              entry -> {
                if (!entry.getKey().spec().equals(oldest)) {
                  return false;
                }
                entry.getValue().forEach(Replica::close);
                return true;
              });
    }
  }
}
