package io.phiscale.pipeline.image;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Augmenter;
import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Scaled against full decoding: time of an image's decoding, crop, resize and normalisation on one
 * thread, and how far the pictures differ, for several resolutions: {@code DecodingBenchmark TAR
 * [IMAGES [ROUNDS]]}. A program, not a test.
 *
 * <p>Both take turns, image by image; times are of the thread's processor, medians over rounds of
 * all images.
 */
final class DecodingBenchmark {
  private DecodingBenchmark() {}

  public static void main(String[] arguments) throws IOException {
    if (arguments.length == 0) {
      throw new IllegalArgumentException("Usage: DecodingBenchmark TAR [IMAGES [ROUNDS]]");
    }
    List<byte[]> images =
        TarredImages.read(
            Path.of(arguments[0]), arguments.length > 1 ? Integer.parseInt(arguments[1]) : 200);
    int rounds = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 3;
    for (int resolution : new int[] {224, 160, 112, 64, 32}) {
      Map<String, ImageTransform> transforms = new LinkedHashMap<>();
      transforms.put("train", TrainTransform.inception(resolution));
      transforms.put("eval", EvaluationTransform.centreCrop(resolution));
      transforms.forEach((name, transform) -> compare(name, transform, images, rounds));
    }
  }

  private static void compare(String name, ImageTransform full, List<byte[]> images, int rounds) {
    ImageTransform scaled =
        full instanceof TrainTransform train
            ? train.withDecoding(Decoding.SCALED)
            : ((EvaluationTransform) full).withDecoding(Decoding.SCALED);
    List<Augmenter> augmenters =
        List.of(new Augmenter(full, Augmentation.NONE), new Augmenter(scaled, Augmentation.NONE));
    FloatBuffer[] targets = {
      FloatBuffer.allocate(full.valuesPerImage()), FloatBuffer.allocate(full.valuesPerImage())
    };
    long[][] spent = new long[2][rounds];
    int reduced = 0;
    double difference = 0;
    double largest = 0;
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    try (ImageDecoder decoder = new ImageDecoder()) {
      for (int round = -1; round < rounds; round++) { // the first one warms up
        for (int i = 0; i < images.size(); i++) {
          SampleRandom random = SampleRandom.of(1, round + 1, i);
          boolean smaller = false;
          for (int a = 0; a < 2; a++) {
            Augmenter augmenter = augmenters.get(a);
            long before = threads.getCurrentThreadCpuTime();
            try (Decoded image =
                (Decoded) decoder.decode(images.get(i), whole -> augmenter.extent(whole, random))) {
              augmenter.write(image, random, targets[a], 0);
              smaller = image.reduction() > 1;
            }
            if (round >= 0) {
              spent[a][round] += threads.getCurrentThreadCpuTime() - before;
            }
          }
          if (round >= 0 && smaller) {
            double mean = meanDifference(targets, full.normalization());
            reduced++;
            difference += mean;
            largest = Math.max(largest, mean);
          }
        }
      }
    }
    double fullMicros = micros(spent[0], images.size());
    double scaledMicros = micros(spent[1], images.size());
    System.out.printf(
        "%3d px %-5s full %5.0f us, scaled %5.0f us, %.2fx; %5.1f %% of crops reduced, which differ by"
            + " %.2f/255 in the mean, %.2f at most%n",
        full.resolutionPx(),
        name,
        fullMicros,
        scaledMicros,
        fullMicros / scaledMicros,
        100.0 * reduced / rounds / images.size(),
        reduced == 0 ? 0 : difference / reduced,
        largest);
  }

  private static double meanDifference(FloatBuffer[] images, Normalization normalization) {
    double sum = 0;
    int values = images[0].capacity();
    for (int i = 0; i < values; i++) {
      sum += Math.abs(images[0].get(i) - images[1].get(i)) * normalization.stddev(i % 3);
    }
    return 255 * sum / values;
  }

  private static double micros(long[] sums, int images) {
    long[] sorted = sums.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2] / 1e3 / images;
  }
}
