/**
 * One concrete network as a value, and what can be said of it without building it.
 *
 * <ul>
 *   <li>{@link io.phiscale.model.spec.MBConvSpec}: a stage of blocks, read from and written to
 *       block strings such as {@code r2_k3_s22_e6_i16_o24_se0.25};
 *   <li>{@link io.phiscale.model.spec.BaseNetwork}: a network before scaling;
 *   <li>{@link io.phiscale.model.spec.NetworkSpec}: a network after scaling: everything that
 *       defines it;
 *   <li>{@link io.phiscale.model.spec.NetworkCounts}, {@link
 *       io.phiscale.model.spec.NetworkSummary}: parameters, multiply-adds and memory.
 *   <li>{@link io.phiscale.model.spec.ParameterLayout}: what each range of a network's flat
 *       parameter vector is.
 * </ul>
 *
 * <p>Depends on {@code io.phiscale.model.scaling} and the JDK only.
 */
package io.phiscale.model.spec;
