/**
 * Evaluation: a checkpoint against the images of a split, every image exactly once.
 *
 * <p>{@link io.phiscale.jobs.evaluate.EvaluateJob} runs it; {@link
 * io.phiscale.jobs.evaluate.TopKAccuracy} is the mergeable counter that partitions return.
 */
package io.phiscale.jobs.evaluate;
