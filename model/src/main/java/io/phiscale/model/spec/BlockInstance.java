package io.phiscale.model.spec;

import java.io.Serializable;

/**
 * One block of a concrete network, with every size that a layer needs.
 *
 * @param index position among all blocks of the network, from 0
 * @param stage position of its stage, from 0
 * @param kernel side of the depthwise kernel in pixels
 * @param stride of the depthwise convolution
 * @param inputFilters channels in
 * @param expandedFilters channels of the depthwise convolution; equal to {@code inputFilters} means
 *     that there is no expansion convolution
 * @param outputFilters channels out
 * @param squeezedFilters channels between the two squeeze-and-excitation convolutions; 0 means none
 * @param shortcut whether the input is added to the output
 * @param dropRate probability in training with which an image skips the block (stochastic depth); 0
 *     unless the shortcut is {@link Shortcut#RESIDUAL}
 * @param inputPx side of the input in pixels
 * @param outputPx side of the output in pixels
 */
public record BlockInstance(
    int index,
    int stage,
    int kernel,
    int stride,
    int inputFilters,
    int expandedFilters,
    int outputFilters,
    int squeezedFilters,
    Shortcut shortcut,
    double dropRate,
    int inputPx,
    int outputPx)
    implements Serializable {

  /** Whether a block adds its input. */
  public enum Shortcut {
    RESIDUAL,
    NONE
  }

  /** Whether the block begins with a 1x1 expansion convolution (expand ratio other than 1). */
  public boolean expands() {
    return expandedFilters != inputFilters;
  }

  /** Whether the block has squeeze and excitation. */
  public boolean squeezes() {
    return squeezedFilters > 0;
  }

  /** Whether the block adds its input to its output. */
  public boolean residual() {
    return shortcut == Shortcut.RESIDUAL;
  }

  /** Name of the block within its network, e.g. {@code block_03}. */
  public String name() {
    return String.format("block_%02d", index);
  }
}
