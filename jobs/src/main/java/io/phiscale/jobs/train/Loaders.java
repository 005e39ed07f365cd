package io.phiscale.jobs.train;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.EncodedSample;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.shard.RowGroupSlice;
import io.phiscale.pipeline.shard.ShardSamples;
import io.phiscale.pipeline.shard.SoftTargets;
import io.phiscale.pipeline.storage.Storage;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

/** Batches from slices of row groups: the bridge between shards and the loader. */
public final class Loaders {
  private Loaders() {}

  /**
   * Opens a loader.
   *
   * @param storage where the shards lie
   * @param slices the samples, in order
   * @param start position of the first of them in the epoch's order
   * @param transform what is done to each image
   * @param augmentation what else is done to images
   * @param seed the run's seed
   * @param epoch which epoch, for random choices
   * @param settings batch size, threads, queue
   */
  public static BatchLoader open(
      Storage storage,
      List<RowGroupSlice> slices,
      long start,
      ImageTransform transform,
      Augmentation augmentation,
      long seed,
      int epoch,
      LoaderSettings settings) {
    Iterable<ShardSamples.Sample> samples = () -> new ShardSamples(storage, slices, start);
    Iterator<EncodedSample> encoded =
        StreamSupport.stream(samples.spliterator(), false)
            .<EncodedSample>map(ShardSample::new)
            .iterator();
    return new BatchLoader(encoded, transform, augmentation, seed, epoch, settings);
  }

  /** A stored image as the loader sees it. */
  private record ShardSample(ShardSamples.Sample sample) implements EncodedSample {
    @Override
    public String key() {
      return sample.record().key();
    }

    @Override
    public int label() {
      return sample.record().label();
    }

    @Override
    public Optional<SoftTargets> softTargets() {
      return sample.record().softTargets();
    }

    @Override
    public byte[] image() {
      return sample.record().image();
    }

    @Override
    public long position() {
      return sample.position();
    }
  }
}
