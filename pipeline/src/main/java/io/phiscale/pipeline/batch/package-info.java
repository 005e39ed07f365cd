/**
 * Batches of normalised images, filled in the background.
 *
 * <p>Main types: {@link io.phiscale.pipeline.batch.BatchLoader} (encoded samples in, batches out,
 * in order), {@link io.phiscale.pipeline.batch.Batch} (NHWC float32 and labels), {@link
 * io.phiscale.pipeline.batch.LoaderStatistics} (where the time went).
 *
 * <p>May depend on {@code io.phiscale.pipeline.image}, {@code io.phiscale.pipeline.augment} and the
 * JDK.
 */
package io.phiscale.pipeline.batch;
