package io.phiscale.model.train;

import java.nio.FloatBuffer;
import java.util.List;

/**
 * Steps a flat parameter vector along its gradients.
 *
 * <p>Everything that a step remembers is in the state vectors, which the caller owns, averages and
 * stores; the optimizer itself never changes, and may be used by several threads on different
 * vectors. The result has the same bits on every machine.
 */
public interface Optimizer {

  /**
   * A state vector, as long as the parameters.
   *
   * @param name as in checkpoints, e.g. {@code mean_square}
   * @param initialValue of every element before the first step
   */
  record StateSlot(String name, float initialValue) {}

  /** The state vectors, in the order in which {@link #step} takes them; may be empty. */
  List<StateSlot> stateSlots();

  /** Gives every state vector its initial value. */
  default void initialise(List<FloatBuffer> state) {
    List<StateSlot> slots = stateSlots();
    if (state.size() != slots.size()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid number of state vectors: %s (must be %s)", state.size(), slots.size()));
    }
    for (int i = 0; i < slots.size(); i++) {
      FloatBuffer slot = state.get(i);
      for (int j = 0; j < slot.limit(); j++) {
        slot.put(j, slots.get(i).initialValue());
      }
    }
  }

  /**
   * One step, in place, in a single pass over all vectors.
   *
   * <p>Running statistics of batch norm follow DL4J's convention: their "gradient" is what is
   * subtracted from them, with no rate, no decay and no state.
   *
   * @param parameters v, changed
   * @param gradients of the mean loss, unchanged
   * @param state as {@link #stateSlots} lists it, changed
   * @param learningRate ≥ 0
   * @param stepIndex number of steps done before this one, from 0
   * @throws IllegalArgumentException if a vector's limit is not the layout's length, the number of
   *     state vectors is wrong, or the rate or step is negative
   */
  void step(
      FloatBuffer parameters,
      FloatBuffer gradients,
      List<FloatBuffer> state,
      double learningRate,
      long stepIndex);
}
