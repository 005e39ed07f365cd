package io.phiscale.model.kernels;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the forward pass of a squeeze and excitation leaves for its backward pass.
 *
 * @param pooled (N, C), means over H and W
 * @param reduced (N, S), before the swish
 * @param gate (N, C), after the sigmoid
 */
public record SqueezeExcitationState(INDArray pooled, INDArray reduced, INDArray gate) {}
