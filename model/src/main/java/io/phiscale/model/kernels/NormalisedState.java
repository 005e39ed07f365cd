package io.phiscale.model.kernels;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the forward pass of a convolution and its batch norm leaves for the backward pass.
 *
 * @param convolved (N, H', W', C), before batch norm
 * @param mean (C), of the batch
 * @param variance (C), of the batch, biased
 */
public record NormalisedState(INDArray convolved, INDArray mean, INDArray variance) {}
