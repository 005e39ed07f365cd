package io.phiscale.jobs.train;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.EncodedSample;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.batch.SkipReason;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.RowGroupSlice;
import io.phiscale.pipeline.shard.ShardRecord;
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
   * @param damage what becomes of a row group that is damaged; an image that is, is skipped
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
      DamagePolicy damage,
      ImageTransform transform,
      Augmentation augmentation,
      long seed,
      int epoch,
      LoaderSettings settings) {
    Iterable<ShardSamples.Sample> samples = () -> new ShardSamples(storage, slices, start, damage);
    Iterator<EncodedSample> encoded =
        StreamSupport.stream(samples.spliterator(), false).map(Loaders::encoded).iterator();
    return new BatchLoader(encoded, transform, augmentation, seed, epoch, settings);
  }

  /**
   * A sample of shards as the loader sees it: its checksum is compared before it is decoded, unless
   * that of its page was.
   */
  public static EncodedSample encoded(ShardSamples.Sample sample) {
    return sample instanceof ShardSamples.Stored stored
        ? new StoredSample(stored)
        : new LostSample((ShardSamples.Lost) sample);
  }

  /** A stored image as the loader sees it: decoded once a checksum is right. */
  private record StoredSample(ShardSamples.Stored sample) implements EncodedSample {
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

    @Override
    public Optional<Damage> damage() {
      ShardRecord record = sample.record();
      return sample.compared() || record.isIntact()
          ? Optional.empty()
          : Optional.of(
              new Damage(
                  SkipReason.CHECKSUM_MISMATCH,
                  String.format("its SHA-256 is not %s, as it was when stored", record.sha256())));
    }
  }

  /** What cannot be read of a damaged row group. It has a place, and nothing else. */
  private record LostSample(ShardSamples.Lost sample) implements EncodedSample {
    @Override
    public String key() {
      return String.format(
          "one of row group %s of %s", sample.group().ordinal(), sample.group().file());
    }

    @Override
    public int label() {
      return 0;
    }

    @Override
    public byte[] image() {
      throw new IllegalStateException("Cannot read " + key() + ": " + sample.cause());
    }

    @Override
    public long position() {
      return sample.position();
    }

    @Override
    public Optional<Damage> damage() {
      return Optional.of(new Damage(SkipReason.DAMAGED_ROW_GROUP, sample.cause()));
    }
  }
}
