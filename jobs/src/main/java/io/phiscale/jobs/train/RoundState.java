package io.phiscale.jobs.train;

import java.io.Serializable;

/**
 * What every worker starts a round from; broadcast once a round.
 *
 * @param parameters the parameter vector, running statistics included
 * @param optimizerState the optimizer's state, slot after slot
 */
record RoundState(FloatVector parameters, FloatVector optimizerState) implements Serializable {

  /** Values of parameters and optimizer state together: the vector that is averaged. */
  int length() {
    return parameters.length() + optimizerState.length();
  }
}
