package io.phiscale.model.spec;

/**
 * What the batch norms of frozen features do in training; their scale and shift stay in any case.
 */
public enum FrozenBatchNorm {
  /**
   * As in inference: running statistics normalise and stay as they are, and no block is skipped by
   * stochastic depth. The features of an image are then fixed, and cost what inference costs.
   */
  INFERENCE,
  /**
   * As in training: the batch's statistics normalise, running statistics follow them, stochastic
   * depth works. What torchvision's networks do whose features need no gradient but which are in
   * {@code train()} mode.
   */
  TRAINING
}
