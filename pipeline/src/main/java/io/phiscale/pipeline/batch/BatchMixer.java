package io.phiscale.pipeline.batch;

import io.phiscale.pipeline.augment.Mixing;
import io.phiscale.pipeline.augment.Mixing.Blend;
import io.phiscale.pipeline.augment.Mixing.Paste;
import io.phiscale.pipeline.augment.Mixing.Plan;
import io.phiscale.pipeline.image.ImageResampler;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import java.nio.FloatBuffer;

/**
 * Mixes the images of a full batch in place: image i with image N - 1 - i, both as they were
 * before. The one in the middle of an odd number stays as it is.
 */
final class BatchMixer {
  private final Mixing mixing;
  private final int side;
  private final long runSeed;
  private final long epoch;
  private final float[] first;
  private final float[] second;
  private final float[] mixed;

  BatchMixer(Mixing mixing, int side, long runSeed, long epoch) {
    this.mixing = mixing;
    this.side = side;
    this.runSeed = runSeed;
    this.epoch = epoch;
    int row = mixing.mixes() ? side * ImageResampler.CHANNELS : 0;
    this.first = new float[row];
    this.second = new float[row];
    this.mixed = new float[row];
  }

  void mix(BatchBuffer batch) {
    if (!mixing.mixes()) {
      return;
    }
    for (int i = 0; i < batch.assigned() / 2; i++) {
      int j = batch.assigned() - 1 - i;
      Plan planI = plan(batch.position(i));
      Plan planJ = plan(batch.position(j));
      mixImages(batch, i, planI, j, planJ);
      batch.mixLabel(i, j, (float) planI.share());
      batch.mixLabel(j, i, (float) planJ.share());
    }
  }

  private Plan plan(long position) {
    return mixing.plan(side, SampleRandom.of(runSeed, epoch, position).stream(Stream.MIXING));
  }

  private void mixImages(BatchBuffer batch, int i, Plan planI, int j, Plan planJ) {
    FloatBuffer images = batch.images();
    for (int y = 0; y < side; y++) {
      int atI = batch.offset(i) + y * first.length;
      int atJ = batch.offset(j) + y * first.length;
      images.get(atI, first);
      images.get(atJ, second);
      put(images, atI, first, second, planI, y);
      put(images, atJ, second, first, planJ, y);
    }
  }

  private void put(FloatBuffer images, int at, float[] own, float[] other, Plan plan, int y) {
    if (plan instanceof Blend blend) {
      float share = (float) blend.share();
      for (int k = 0; k < mixed.length; k++) {
        mixed[k] = own[k] * share + other[k] * (1 - share);
      }
      images.put(at, mixed);
    } else if (plan instanceof Paste paste && y >= paste.top() && y < paste.bottom()) {
      int from = paste.left() * ImageResampler.CHANNELS;
      int length = paste.right() * ImageResampler.CHANNELS - from;
      images.put(at + from, other, from, length);
    }
  }
}
