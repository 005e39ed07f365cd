/**
 * From encoded image bytes to normalised floats: probing, decoding, cropping, resampling.
 *
 * <p>Main types: {@link io.phiscale.pipeline.image.ImageDecoder} (bytes to 8-bit RGB, or the reason
 * why not), {@link io.phiscale.pipeline.image.ImageTransform} (which region of an image becomes the
 * network's input), {@link io.phiscale.pipeline.image.ImageResampler} (crop, resize, mirror and
 * normalise in one go), {@link io.phiscale.pipeline.image.SampleRandom} (the source of every random
 * choice).
 *
 * <p>May depend on the JDK and on OpenCV's core and imgcodecs; knows nothing of storage, shards or
 * batches.
 */
package io.phiscale.pipeline.image;
