package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.train.Loaders;
import io.phiscale.pipeline.batch.EncodedSample;
import io.phiscale.pipeline.shard.ShardSamples;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Samples on their way to a loader, whose keys are remembered until the scores are there. */
final class KeyedSamples implements Iterator<EncodedSample> {
  private final ShardSamples samples;
  private final Map<Long, String> keys = new ConcurrentHashMap<>();

  KeyedSamples(ShardSamples samples) {
    this.samples = samples;
  }

  @Override
  public boolean hasNext() {
    return samples.hasNext();
  }

  @Override
  public EncodedSample next() {
    EncodedSample sample = Loaders.encoded(samples.next());
    keys.put(sample.position(), sample.key());
    return sample;
  }

  /** The key of the sample at a position, which is then forgotten. */
  String take(long position) {
    String key = keys.remove(position);
    if (key == null) {
      throw new IllegalStateException(
          String.format("The image at position %s was scored twice, or never read", position));
    }
    return key;
  }

  /** Keys that were read and never taken: once all batches came, of images not decoded. */
  List<String> rest() {
    return new ArrayList<>(keys.values());
  }
}
