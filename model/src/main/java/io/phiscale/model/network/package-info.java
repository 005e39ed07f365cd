/**
 * Networks made of our layers: {@link io.phiscale.model.network.EfficientNets} builds a DL4J {@code
 * ComputationGraph} from a {@link io.phiscale.model.spec.NetworkSpec}, says what lies where in its
 * parameter vector, and computes its scores; {@link io.phiscale.model.network.FoldedNetwork}
 * computes them faster, for inference alone.
 *
 * <p>May depend on {@code io.phiscale.model.layers}, {@code io.phiscale.model.kernels}, {@code
 * io.phiscale.model.spec}, ND4J and DL4J.
 */
package io.phiscale.model.network;
