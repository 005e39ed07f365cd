package io.phiscale.model.kernels;

/**
 * A squeeze and excitation: every channel is scaled by a gate that sees the means of all channels.
 *
 * @param image (N, H, W, C) of input and output
 * @param squeezed S, channels between the two dense layers, > 0
 */
public record SqueezeExcitationShape(ImageShape image, int squeezed) {

  public SqueezeExcitationShape {
    ImageShape.checkPositive("number of squeezed channels", squeezed);
  }
}
