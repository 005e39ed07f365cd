/**
 * What changes a network's parameters, on one flat vector of them.
 *
 * <ul>
 *   <li>{@link io.phiscale.model.spec.ParameterLayout}: which range of the vector is what;
 *   <li>{@link io.phiscale.model.train.TrainedPart}: what of it is not frozen;
 *   <li>{@link io.phiscale.model.train.OptimizerSpec} → {@link io.phiscale.model.train.Optimizer}:
 *       one fused pass over parameters, gradients and state; {@link
 *       io.phiscale.model.train.WeightDecay};
 *   <li>{@link io.phiscale.model.train.GradientClipping};
 *   <li>{@link io.phiscale.model.train.LearningRateSchedule}: the rate at a step;
 *   <li>{@link io.phiscale.model.train.ExponentialMovingAverage}.
 * </ul>
 *
 * <p>These are plain Java on {@link java.nio.FloatBuffer}: same bits on every machine. Only the
 * replica, which binds them to a network, and {@link io.phiscale.model.train.Accelerators}, the
 * GPUs it may be on, may use ND4J and DL4J.
 */
package io.phiscale.model.train;
