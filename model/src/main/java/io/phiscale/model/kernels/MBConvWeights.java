package io.phiscale.model.kernels;

/**
 * The weights of an {@link MBConvShape}, or their gradients.
 *
 * @param expansion null where the block does not expand
 * @param depthwise of the depthwise convolution
 * @param squeeze null where the block has no squeeze and excitation
 * @param projection of the projection
 */
public record MBConvWeights(
    NormalisedWeights expansion,
    NormalisedWeights depthwise,
    SqueezeExcitationWeights squeeze,
    NormalisedWeights projection) {}
