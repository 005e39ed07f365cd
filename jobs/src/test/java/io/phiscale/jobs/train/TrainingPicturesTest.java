package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.pipeline.augment.AugMix;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.AutoAugment;
import io.phiscale.pipeline.augment.Erasing;
import io.phiscale.pipeline.augment.Mixing;
import io.phiscale.pipeline.augment.Policy;
import io.phiscale.pipeline.augment.PolicyForm;
import io.phiscale.pipeline.augment.RandAugment;
import io.phiscale.pipeline.augment.TrivialAugmentWide;
import io.phiscale.pipeline.image.TrainTransform;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingPicturesTest {
  @TempDir static Path folder;

  private static Augmentation augmentation(String... assignments) {
    ConfigurationLoader loader = new ConfigurationLoader();
    for (String assignment : assignments) {
      loader.set("train.augment." + assignment);
    }
    return TrainingPictures.augmentation(loader.load().train().augment());
  }

  private static Policy policy(String... assignments) {
    return augmentation(assignments).policy();
  }

  @Test
  void nothingNewIsOnByDefault() {
    PhiscaleConfiguration configuration = new ConfigurationLoader().load();

    assertThat(augmentation()).isEqualTo(Augmentation.NONE);
    assertThat(TrainingPictures.transform(224, configuration.train().augment()))
        .isEqualTo(TrainTransform.inception(224));
  }

  @Test
  void keysBecomePolicies() {
    assertThat(policy("policy=autoaugment")).isEqualTo(new AutoAugment(PolicyForm.TPU));
    assertThat(policy("policy=autoaugment", "policy-form=timm-increasing"))
        .isEqualTo(new AutoAugment(PolicyForm.TIMM_INCREASING));
    assertThat(policy("policy=randaugment")).isEqualTo(new RandAugment(PolicyForm.TPU, 2, 10, 0));
    assertThat(
            policy(
                "policy=randaugment",
                "policy-form=timm",
                "magnitude=9",
                "magnitude-stddev=0.5",
                "layers=3"))
        .isEqualTo(new RandAugment(PolicyForm.TIMM, 3, 9, 0.5));
    assertThat(policy("policy=trivialaugment")).isEqualTo(new TrivialAugmentWide());
    assertThat(policy("policy=augmix")).isEqualTo(AugMix.ofMagnitude(3));
    assertThat(policy("policy=augmix", "magnitude=5")).isEqualTo(AugMix.ofMagnitude(5));
  }

  @Test
  void keysBecomeNoiseAndMixing() {
    assertThat(
            augmentation(
                "color-jitter=0.4",
                "lighting=0.1",
                "random-erasing=0.2",
                "random-erasing-fill=pixel",
                "mixup-alpha=0.2",
                "cutmix-alpha=1"))
        .isEqualTo(
            new Augmentation(
                new Policy.None(),
                0.4,
                0.1,
                new Erasing(0.2, Erasing.Fill.PIXEL),
                new Mixing(0.2, 1)));
    assertThat(augmentation("random-erasing=0.2").erasing().fill())
        .isEqualTo(Erasing.Fill.CONSTANT);
    assertThat(augmentation("random-erasing-fill=rand").erasing().fill())
        .isEqualTo(Erasing.Fill.COLOR);
  }

  /** On real Spark; the pictures do not depend on the number of decoding threads. */
  @Test
  void trainsWithEverythingOnAndIsReproducible() throws Exception {
    Map<String, String> everything =
        Map.of(
            "train.augment.policy", "randaugment",
            "train.augment.policy-form", "timm",
            "train.augment.color-jitter", "0.2",
            "train.augment.lighting", "0.1",
            "train.augment.random-erasing", "0.3",
            "train.augment.mixup-alpha", "0.2",
            "train.augment.cutmix-alpha", "1");
    PhiscaleConfiguration plain = configuration("plain", Map.of());
    try (SparkSession session = LocalSpark.open(plain)) {
      new ShardJob(session, plain).run();
      List<Double> unaugmented = losses(session, plain);
      List<Double> one = losses(session, configuration("one", everything));
      Map<String, String> twoThreads = new LinkedHashMap<>(everything);
      twoThreads.put("train.loader.threads", "2");
      List<Double> other = losses(session, configuration("other", twoThreads));

      assertThat(one).hasSameSizeAs(unaugmented).isEqualTo(other).isNotEqualTo(unaugmented);
      assertThat(one).allMatch(Double::isFinite);
    }
  }

  private static List<Double> losses(SparkSession session, PhiscaleConfiguration configuration)
      throws Exception {
    return new TrainJob(session, configuration)
        .run(TrainingListener.SILENT).metrics().stream().map(RoundMetrics::loss).toList();
  }

  private static PhiscaleConfiguration configuration(String name, Map<String, String> more)
      throws Exception {
    Map<String, String> values = LocalSpark.tinyTraining();
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", SmallImages.write(folder.resolve("images"), 8).toString());
    values.put("data.source.validation.layout", "class-folders");
    values.put("data.source.validation.uri", "null");
    values.put("train.epochs", "1");
    values.put("train.output", folder.resolve(name).toUri().toString());
    values.putAll(more);
    return LocalSpark.configuration(folder, values);
  }
}
