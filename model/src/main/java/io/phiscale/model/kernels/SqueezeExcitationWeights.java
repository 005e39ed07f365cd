package io.phiscale.model.kernels;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights of a squeeze and excitation, or their gradients.
 *
 * @param reduceWeights (C, S)
 * @param reduceBias (S)
 * @param expandWeights (S, C)
 * @param expandBias (C)
 */
public record SqueezeExcitationWeights(
    INDArray reduceWeights, INDArray reduceBias, INDArray expandWeights, INDArray expandBias) {}
