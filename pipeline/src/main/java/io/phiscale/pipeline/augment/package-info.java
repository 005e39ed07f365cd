/**
 * Augmentations of training images beyond crop and mirror: colour and geometry on 8-bit pictures,
 * erased rectangles, and what is mixed from two images.
 *
 * <p>Main types: {@link io.phiscale.pipeline.augment.Augmentation} (what is done, a value), {@link
 * io.phiscale.pipeline.augment.Augmenter} (does it, one per thread), {@link
 * io.phiscale.pipeline.augment.Policy} (AutoAugment, RandAugment, TrivialAugment, AugMix), {@link
 * io.phiscale.pipeline.augment.Operation} (one operation, Pillow's arithmetic), {@link
 * io.phiscale.pipeline.augment.Picture} (the 8-bit picture they work on), {@link
 * io.phiscale.pipeline.augment.Mixing} (Mixup and CutMix).
 *
 * <p>May depend on {@code io.phiscale.pipeline.image} and the JDK.
 */
package io.phiscale.pipeline.augment;
