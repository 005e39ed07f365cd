package io.phiscale.pipeline.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Mixing;
import io.phiscale.pipeline.augment.Mixing.Blend;
import io.phiscale.pipeline.augment.Mixing.Paste;
import io.phiscale.pipeline.augment.Mixing.Plan;
import io.phiscale.pipeline.image.Pictures;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import io.phiscale.pipeline.image.TrainTransform;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Mixed batches against the formula, image by image, from the same batches unmixed. */
@Timeout(60)
class BatchMixerTest {
  private static final long SEED = 4;
  private static final long EPOCH = 3;
  private static final int SIDE = 16;
  private static final int IMAGES = 11;

  private static final class Image {
    private final int label;
    private final int otherLabel;
    private final float share;
    private final long position;
    private final float[] values = new float[SIDE * SIDE * 3];

    Image(Batch batch, int index) {
      label = batch.label(index);
      otherLabel = batch.otherLabel(index);
      share = batch.labelShare(index);
      position = batch.position(index);
      batch.images().get(index * values.length, values);
    }
  }

  private static final class Sample implements EncodedSample {
    private final int index;

    Sample(int index) {
      this.index = index;
    }

    @Override
    public String key() {
      return "image-" + index;
    }

    @Override
    public int label() {
      return index;
    }

    @Override
    public byte[] image() {
      return Pictures.encode(Pictures.noise(20, 24, index), "png");
    }

    @Override
    public long position() {
      return 100L + index;
    }
  }

  static List<Mixing> mixings() {
    return List.of(new Mixing(0.4, 0), new Mixing(0, 1), new Mixing(0.2, 1));
  }

  private static List<List<Image>> batches(Mixing mixing, int threads) {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < IMAGES; i++) {
      samples.add(new Sample(i));
    }
    List<List<Image>> batches = new ArrayList<>();
    try (BatchLoader loader =
        new BatchLoader(
            samples.iterator(),
            TrainTransform.inception(SIDE),
            Augmentation.NONE.withMixing(mixing),
            SEED,
            EPOCH,
            LoaderSettings.ofBatchSize(4).withThreads(threads))) {
      Optional<Batch> next = loader.next();
      while (next.isPresent()) {
        List<Image> images = new ArrayList<>();
        try (Batch batch = next.get()) {
          for (int i = 0; i < batch.count(); i++) {
            images.add(new Image(batch, i));
          }
        }
        batches.add(images);
        next = loader.next();
      }
    }
    return batches;
  }

  @ParameterizedTest
  @MethodSource("mixings")
  void eachImageIsItsShareOfItselfAndTheRestOfItsPartner(Mixing mixing) {
    List<List<Image>> plain = batches(Mixing.NONE, 1);
    List<List<Image>> mixed = batches(mixing, 1);
    for (int b = 0; b < plain.size(); b++) {
      for (int i = 0; i < plain.get(b).size(); i++) {
        int partner = plain.get(b).size() - 1 - i;
        Image own = plain.get(b).get(i);
        Image other = plain.get(b).get(partner);
        Image result = mixed.get(b).get(i);
        assertThat(result.label).isEqualTo(own.label);
        assertThat(result.otherLabel).isEqualTo(other.label);
        if (partner == i) {
          assertThat(result.share).isEqualTo(1);
          assertThat(result.values).isEqualTo(own.values);
          continue;
        }
        Plan plan =
            mixing.plan(SIDE, SampleRandom.of(SEED, EPOCH, own.position).stream(Stream.MIXING));
        assertThat(result.share).isEqualTo((float) plan.share());
        assertThat(result.values).containsExactly(expected(plan, own, other), within(1e-5f));
      }
    }
  }

  private static float[] expected(Plan plan, Image own, Image other) {
    float[] values = new float[own.values.length];
    for (int i = 0; i < values.length; i++) {
      double share;
      if (plan instanceof Paste paste) {
        int x = i / 3 % SIDE;
        int y = i / 3 / SIDE;
        boolean pasted =
            y >= paste.top() && y < paste.bottom() && x >= paste.left() && x < paste.right();
        share = pasted ? 0 : 1;
      } else {
        share = ((Blend) plan).share();
      }
      values[i] = (float) (share * own.values[i] + (1 - share) * other.values[i]);
    }
    return values;
  }

  @Test
  void doesNotDependOnThreads() {
    List<List<Image>> one = batches(new Mixing(0.2, 1), 1);
    List<List<Image>> three = batches(new Mixing(0.2, 1), 3);
    for (int b = 0; b < one.size(); b++) {
      for (int i = 0; i < one.get(b).size(); i++) {
        assertThat(three.get(b).get(i).values).isEqualTo(one.get(b).get(i).values);
        assertThat(three.get(b).get(i).share).isEqualTo(one.get(b).get(i).share);
      }
    }
  }
}
