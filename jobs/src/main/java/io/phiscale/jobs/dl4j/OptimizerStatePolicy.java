package io.phiscale.jobs.dl4j;

/** What becomes of the updaters' state (momentum, squared gradients) when replicas are averaged. */
public enum OptimizerStatePolicy {
  /**
   * Averaged like the parameters and kept in the network: the next round goes on with it. Costs as
   * much traffic as the updater has values per parameter.
   */
  AVERAGE,
  /**
   * Every worker starts every round with the updater's initial state, and the network's own stays
   * as it is. No traffic; with few local steps, momentum has no time to build up.
   */
  RESET
}
