package io.phiscale.jobs.report;

/** Which published results stand beside the measured ones, marked as such. */
public enum Reference {
  /** None: they would be of another task. */
  NONE,
  /** EfficientNet-B0 to B7 and the networks that their paper compares them with, on ImageNet-1k. */
  IMAGENET
}
