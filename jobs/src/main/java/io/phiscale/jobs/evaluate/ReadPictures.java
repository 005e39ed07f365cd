package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.dataset.EncodedPicture;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Augmenter;
import io.phiscale.pipeline.image.DecodeResult;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.apache.spark.api.java.function.FlatMapFunction;

/**
 * Makes small pictures of some images, found by their keys in row groups: a pure function, run by
 * one task. One row group at a time is in memory.
 */
final class ReadPictures implements FlatMapFunction<Iterator<RowGroup>, ReadPictures.Picture> {
  private static final long serialVersionUID = 1L;

  /** Up to this side pictures are PNG. */
  private static final int LARGEST_PNG_PX = 40;

  private final Storage storage;
  private final Set<String> keys;
  private final EvaluationTransform view;
  private final long maxPixels;

  /** A picture and whose it is; not a record, because it holds an array. */
  static final class Picture implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String mediaType;
    private final byte[] encoded;

    Picture(String key, EncodedPicture picture) {
      this.key = key;
      this.mediaType = picture.mediaType();
      this.encoded = new byte[picture.encoded().remaining()];
      picture.encoded().duplicate().get(encoded);
    }

    String key() {
      return key;
    }

    EncodedPicture picture() {
      return new EncodedPicture(mediaType, ByteBuffer.wrap(encoded));
    }
  }

  /**
   * @param keys of the images
   * @param view what of them is seen, and how large
   * @param maxPixels the most pixels an image may have to be decoded
   */
  ReadPictures(Storage storage, Set<String> keys, EvaluationTransform view, long maxPixels) {
    this.storage = storage;
    this.keys = Set.copyOf(keys);
    this.view = view;
    this.maxPixels = maxPixels;
  }

  @Override
  public Iterator<Picture> call(Iterator<RowGroup> groups) throws IOException {
    List<Picture> pictures = new ArrayList<>();
    Augmenter augmenter = new Augmenter(view, Augmentation.NONE);
    FloatBuffer values = FloatBuffer.allocate(view.valuesPerImage());
    try (ImageDecoder decoder = new ImageDecoder(maxPixels)) {
      while (groups.hasNext()) {
        for (ShardRecord record : RowGroupReader.read(storage, groups.next())) {
          if (keys.contains(record.key())
              && decoder.decode(record.image()) instanceof DecodeResult.Decoded decoded) {
            try (decoded) {
              augmenter.write(decoded, SampleRandom.of(0, 0, 0), values, 0);
              pictures.add(
                  new Picture(record.key(), EncodedPicture.of(values, view, LARGEST_PNG_PX)));
            }
          }
        }
      }
    }
    return pictures.iterator();
  }
}
