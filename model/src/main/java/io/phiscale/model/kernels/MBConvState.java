package io.phiscale.model.kernels;

/**
 * What the forward pass of an {@link MBConvShape} leaves for its backward pass: what the three
 * convolutions computed, before batch norm. All else is made again.
 *
 * @param expansion null where the block does not expand
 * @param depthwise of the depthwise convolution
 * @param squeeze null where the block has no squeeze and excitation
 * @param projection of the projection
 */
public record MBConvState(
    NormalisedState expansion,
    NormalisedState depthwise,
    SqueezeExcitationState squeeze,
    NormalisedState projection) {}
