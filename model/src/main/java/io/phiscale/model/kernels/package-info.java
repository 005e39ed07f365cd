/**
 * The mathematics of the hot layers on ND4J arrays, and nothing else: no parameters, no state of a
 * network, no randomness.
 *
 * <ul>
 *   <li>{@link io.phiscale.model.kernels.Kernels}: the operations, at the level at which they can
 *       be fused; made by name, so that nothing above knows which implementation runs;
 *   <li>{@link io.phiscale.model.kernels.Nd4jKernels}: by ND4J operations, on any ND4J back end;
 *   <li>{@link io.phiscale.model.kernels.ConvolutionShape}, {@link
 *       io.phiscale.model.kernels.ImageShape}, {@link io.phiscale.model.kernels.BatchNormShape},
 *       {@link io.phiscale.model.kernels.SqueezeExcitationShape}, {@link
 *       io.phiscale.model.kernels.DenseShape}: shapes as values, usable as keys of caches.
 * </ul>
 *
 * <p>Depends on ND4J only.
 */
package io.phiscale.model.kernels;
