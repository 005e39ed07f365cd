package io.phiscale.jobs.train;

import java.io.Serializable;

/**
 * What every worker starts a round from; broadcast once a round.
 *
 * @param parameters the trained part of the parameter vector: all of it where nothing is frozen
 * @param optimizerState the optimizer's state, slot after slot
 */
public record RoundState(FloatVector parameters, FloatVector optimizerState)
    implements Serializable {

  /** Values of parameters and optimizer state together: the vector that is averaged. */
  public int length() {
    return parameters.length() + optimizerState.length();
  }
}
