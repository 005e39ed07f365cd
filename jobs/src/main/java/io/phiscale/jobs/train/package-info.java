/**
 * The parameter-averaging trainer: rounds of local steps on every worker, averaged slice by slice
 * through a Spark shuffle.
 *
 * <p>{@link io.phiscale.jobs.train.ParameterAveragingTrainer} is the driver's loop; {@link
 * io.phiscale.jobs.train.WorkerRound} is what one worker computes in one round, a pure function of
 * (round parameters, assigned samples, seed); {@link io.phiscale.jobs.train.SliceAveraging} reduces
 * the workers' results; {@link io.phiscale.jobs.train.EpochPlan} cuts the global sample order;
 * {@code InitialWeights} is what a run starts from where it is not drawn.
 */
package io.phiscale.jobs.train;
