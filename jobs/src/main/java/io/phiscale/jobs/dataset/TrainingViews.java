package io.phiscale.jobs.dataset;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Augmenter;
import io.phiscale.pipeline.image.DecodeResult;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the network sees of training images in the first epochs of a run: the floats that the loader
 * writes, from the same random numbers (seed, epoch, position), turned back into 8-bit pictures.
 * Mixing, which depends on the rest of the batch, plays no part.
 *
 * <p>Owns a decoder: close it. Not thread-safe.
 */
final class TrainingViews implements AutoCloseable {
  /** Up to here views are PNG. */
  private static final int LARGEST_PNG_PX = 96;

  private final ImageTransform transform;
  private final Augmenter augmenter;
  private final ImageDecoder decoder;
  private final long seed;
  private final List<EpochOrder> orders;
  private final FloatBuffer values;

  /**
   * @param transform of training
   * @param augmentation of training
   * @param groups all row groups of the training split, in the manifest's order
   * @param seed of the run
   * @param epochs how many views an image has, &gt; 0
   * @param maxPixels the most pixels an image may have to be decoded
   */
  TrainingViews(
      ImageTransform transform,
      Augmentation augmentation,
      List<RowGroup> groups,
      long seed,
      int epochs,
      long maxPixels) {
    this.transform = transform;
    this.augmenter = new Augmenter(transform, augmentation);
    this.decoder = new ImageDecoder(maxPixels);
    this.seed = seed;
    this.orders =
        IntStream.range(0, epochs).mapToObj(epoch -> new EpochOrder(groups, seed, epoch)).toList();
    this.values = FloatBuffer.allocate(transform.valuesPerImage());
  }

  /**
   * The views of an image, by epoch; none where training leaves it out, as it cannot be decoded.
   *
   * @param group index of its row group
   * @param row its place in the row group
   * @param encoded the image
   */
  List<SampledImage> of(int group, int row, byte[] encoded) {
    List<SampledImage> views = new ArrayList<>();
    if (decoder.decode(encoded) instanceof DecodeResult.Decoded decoded) {
      try (decoded) {
        for (int epoch = 0; epoch < orders.size(); epoch++) {
          long position = orders.get(epoch).positions(group)[row];
          augmenter.write(decoded, SampleRandom.of(seed, epoch, position), values, 0);
          views.add(view("epoch " + epoch));
        }
      }
    }
    return views;
  }

  private SampledImage view(String caption) {
    EncodedPicture picture = EncodedPicture.of(values, transform, LARGEST_PNG_PX);
    return new SampledImage(caption, picture.mediaType(), picture.encoded(), List.of());
  }

  @Override
  public void close() {
    decoder.close();
  }
}
