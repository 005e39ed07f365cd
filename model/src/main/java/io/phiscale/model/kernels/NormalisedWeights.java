package io.phiscale.model.kernels;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights of a convolution and its batch norm, or their gradients.
 *
 * @param weights as {@link ConvolutionShape} says
 * @param scale (C), gamma
 * @param shift (C), beta
 */
public record NormalisedWeights(INDArray weights, INDArray scale, INDArray shift) {}
