package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.TarredImages;
import io.phiscale.pipeline.image.TrainTransform;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What augmentations cost on top of decoding, cropping, resizing and normalising, one thread, from
 * encoded bytes in memory to floats: {@code AugmentationBenchmark TAR [RESOLUTION [IMAGES
 * [ROUNDS]]]}. A program, not a test.
 *
 * <p>The augmentations take turns, image by image, so that a busy machine slows all of them down
 * alike; times are of the thread's processor, medians over rounds of all images.
 */
final class AugmentationBenchmark {
  private AugmentationBenchmark() {}

  public static void main(String[] arguments) throws IOException {
    if (arguments.length == 0) {
      throw new IllegalArgumentException(
          "Usage: AugmentationBenchmark TAR [RESOLUTION [IMAGES [ROUNDS]]]");
    }
    int resolution = argument(arguments, 1, 224);
    List<byte[]> images = TarredImages.read(Path.of(arguments[0]), argument(arguments, 2, 200));
    int rounds = argument(arguments, 3, 5);
    TrainTransform transform = TrainTransform.inception(resolution);
    Map<String, Augmentation> augmentations = augmentations();
    List<Augmenter> augmenters =
        augmentations.values().stream().map(a -> new Augmenter(transform, a)).toList();
    FloatBuffer target =
        ByteBuffer.allocateDirect(transform.valuesPerImage() * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    long[][] spent = new long[augmenters.size()][rounds];
    long[] decoding = new long[rounds];
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    try (ImageDecoder decoder = new ImageDecoder()) {
      for (int round = -1; round < rounds; round++) { // the first one warms up
        for (int i = 0; i < images.size(); i++) {
          long start = threads.getCurrentThreadCpuTime();
          try (Decoded image = (Decoded) decoder.decode(images.get(i))) {
            long decoded = threads.getCurrentThreadCpuTime();
            add(decoding, round, decoded - start);
            for (int a = 0; a < augmenters.size(); a++) {
              long before = threads.getCurrentThreadCpuTime();
              augmenters.get(a).write(image, SampleRandom.of(1, round + 1, i), target, 0);
              add(spent[a], round, threads.getCurrentThreadCpuTime() - before);
            }
          }
        }
      }
    }
    double decodeMicros = micros(decoding, images.size());
    double plain = decodeMicros + micros(spent[0], images.size());
    System.out.printf(
        "%d images, %d px: decoding %.0f us%n", images.size(), resolution, decodeMicros);
    int a = 0;
    for (String name : augmentations.keySet()) {
      double whole = decodeMicros + micros(spent[a++], images.size());
      System.out.printf(
          "%-34s %7.0f us an image, %+5.1f%%%n", name, whole, 100 * (whole / plain - 1));
    }
  }

  private static Map<String, Augmentation> augmentations() {
    Augmentation none = Augmentation.NONE;
    Map<String, Augmentation> all = new LinkedHashMap<>();
    all.put("crop and flip", none);
    all.put("lighting (8-bit path alone)", none.withLighting(0.1));
    all.put(
        "randaugment timm m9 n2 mstd0.5",
        none.withPolicy(new RandAugment(PolicyForm.TIMM, 2, 9, 0.5)));
    all.put(
        "randaugment timm-increasing m9 n2",
        none.withPolicy(new RandAugment(PolicyForm.TIMM_INCREASING, 2, 9, 0.5)));
    all.put("randaugment tpu m10 n2", none.withPolicy(new RandAugment(PolicyForm.TPU, 2, 10, 0)));
    all.put("autoaugment tpu", none.withPolicy(new AutoAugment(PolicyForm.TPU)));
    all.put("autoaugment timm", none.withPolicy(new AutoAugment(PolicyForm.TIMM)));
    all.put("trivialaugment", none.withPolicy(new TrivialAugmentWide()));
    all.put("augmix", none.withPolicy(AugMix.ofMagnitude(3)));
    all.put("color-jitter 0.4", none.withColorJitter(0.4));
    all.put("random-erasing 0.2 pixel", none.withErasing(new Erasing(0.2, Erasing.Fill.PIXEL)));
    return all;
  }

  private static int argument(String[] arguments, int index, int standard) {
    return index < arguments.length ? Integer.parseInt(arguments[index]) : standard;
  }

  private static void add(long[] sums, int round, long nanos) {
    if (round >= 0) {
      sums[round] += nanos;
    }
  }

  private static double micros(long[] sums, int images) {
    long[] sorted = sums.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2] / 1e3 / images;
  }
}
