package io.phiscale.pipeline.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.ImageResampler;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.image.Pictures;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.TrainTransform;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class BatchLoaderTest {
  private static final long SEED = 99;
  private static final long EPOCH = 2;
  private static final TrainTransform TRANSFORM = TrainTransform.inception(16);
  private static final LoaderSettings BY_FOUR = LoaderSettings.ofBatchSize(4);
  private static final List<EncodedSample> SAMPLES = samples(11);

  private static final class Sample implements EncodedSample {
    private final String key;
    private final int label;
    private final byte[] image;
    private final long position;

    Sample(String key, int label, byte[] image, long position) {
      this.key = key;
      this.label = label;
      this.image = image;
      this.position = position;
    }

    @Override
    public String key() {
      return key;
    }

    @Override
    public int label() {
      return label;
    }

    @Override
    public byte[] image() {
      return image;
    }

    @Override
    public long position() {
      return position;
    }
  }

  private record Loaded(int label, long position, List<Float> image) {}

  @AfterEach
  void noThreadIsLeft() {
    assertThat(Thread.getAllStackTraces().keySet().stream().map(Thread::getName))
        .noneMatch(name -> name.startsWith("batch-loader-"));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void batchesAreTheSameForAnyNumberOfThreadsAndHoldWhatTheTransformGives(int threads) {
    List<List<Loaded>> batches = load(SAMPLES, BY_FOUR.withThreads(threads));
    assertThat(batches).extracting(List::size).containsExactly(4, 4, 3);
    List<Loaded> all = batches.stream().flatMap(List::stream).toList();
    assertThat(all).extracting(Loaded::position).containsExactlyElementsOf(positions(SAMPLES));
    assertThat(all).extracting(Loaded::label).containsExactlyElementsOf(labels(SAMPLES));
    for (int i = 0; i < all.size(); i++) {
      assertThat(all.get(i).image()).isEqualTo(transformed(SAMPLES.get(i), TRANSFORM));
    }
  }

  @Test
  void theEpochChangesTheCropsAndTheSeedToo() {
    EncodedSample sample = SAMPLES.get(0);
    List<Float> here = loadOne(sample, SEED, EPOCH);
    assertThat(loadOne(sample, SEED, EPOCH)).isEqualTo(here);
    assertThat(loadOne(sample, SEED, EPOCH + 1)).isNotEqualTo(here);
    assertThat(loadOne(sample, SEED + 1, EPOCH)).isNotEqualTo(here);
  }

  @Test
  void aBatchIsOneDirectAlignedBuffer() {
    try (BatchLoader loader = loader(SAMPLES.iterator(), BY_FOUR);
        Batch batch = loader.next().orElseThrow()) {
      FloatBuffer images = batch.images();
      assertThat(images.isDirect()).isTrue();
      assertThat(images.order()).isEqualTo(ByteOrder.nativeOrder());
      assertThat(images.position()).isZero();
      assertThat(images.remaining()).isEqualTo(4 * 16 * 16 * 3);
      assertThat(batch.resolutionPx()).isEqualTo(16);
      assertThat(batch.capacity()).isEqualTo(4);
      assertThatThrownBy(() -> batch.label(4))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Invalid index: 4 (must be in [0, 4))");
    }
  }

  @Test
  void batchMemoryIsRecycledAndNeverMoreThanTheQueueNeeds() {
    Set<Object> buffers = Collections.newSetFromMap(new IdentityHashMap<>());
    Iterator<EncodedSample> endless = repeated(SAMPLES.get(0), 200);
    int batches = 0;
    try (BatchLoader loader = loader(endless, BY_FOUR.withQueueDepth(2).withThreads(2))) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch batch = next.get()) {
          buffers.add(batch.memory());
          batches++;
        }
      }
    }
    assertThat(batches).isEqualTo(50);
    assertThat(buffers).hasSizeLessThanOrEqualTo(3);
  }

  @Test
  void memoryPassesToTheNextLoaderOnlyOnceItsBatchIsClosed() {
    Batch open;
    try (BatchLoader loader = loader(SAMPLES.iterator(), BY_FOUR)) {
      open = loader.next().orElseThrow();
    }
    List<Float> held = values(open.images());
    long address = address(open);
    assertThat(addresses(BY_FOUR)).doesNotContain(address);
    assertThat(values(open.images())).isEqualTo(held);
    open.close();
    assertThat(addresses(BY_FOUR)).contains(address);
    assertThat(addresses(BY_FOUR)).contains(address);
    assertThat(addresses(LoaderSettings.ofBatchSize(3))).doesNotContain(address);
  }

  private static Set<Long> addresses(LoaderSettings settings) {
    Set<Long> addresses = new HashSet<>();
    try (BatchLoader loader = loader(samples(11).iterator(), settings)) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch batch = next.get()) {
          addresses.add(address(batch));
        }
      }
    }
    return addresses;
  }

  private static long address(Batch batch) {
    return new FloatPointer(batch.images()).address();
  }

  private static List<Float> values(FloatBuffer images) {
    List<Float> values = new ArrayList<>();
    while (images.hasRemaining()) {
      values.add(images.get());
    }
    return values;
  }

  @Test
  void holdingAllBatchesOpenIsAnErrorAndNoDeadlock() {
    try (BatchLoader loader = loader(SAMPLES.iterator(), BY_FOUR.withQueueDepth(1))) {
      Batch first = loader.next().orElseThrow();
      Batch second = loader.next().orElseThrow();
      assertThatThrownBy(loader::next)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Cannot load batch 2: all 2 batches of the loader are still open; close one first");
      first.close();
      first.close();
      try (Batch third = loader.next().orElseThrow()) {
        assertThat(third.count()).isEqualTo(3);
        assertThatThrownBy(first::images)
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("Cannot read a batch that is closed");
      }
      assertThat(loader.next()).isEmpty();
      second.close();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void undecodableImagesAreLeftOutAndCounted(int threads) {
    List<EncodedSample> samples = new ArrayList<>(SAMPLES);
    byte[] whole = samples.get(1).image();
    samples.set(1, new Sample("cut", 1, Arrays.copyOf(whole, whole.length - 9), 1));
    samples.set(2, new Sample("empty", 2, new byte[0], 2));
    for (int i = 4; i < 8; i++) { // a whole batch
      samples.set(i, new Sample("empty", i, new byte[0], i));
    }
    List<Loaded> all = new ArrayList<>();
    LoaderStatistics statistics;
    try (BatchLoader loader = loader(samples.iterator(), BY_FOUR.withThreads(threads))) {
      try (Batch batch = loader.next().orElseThrow()) {
        assertThat(batch.count()).isEqualTo(2);
        assertThat(batch.images().remaining()).isEqualTo(2 * 16 * 16 * 3);
        all.addAll(contents(batch));
      }
      try (Batch batch = loader.next().orElseThrow()) {
        assertThat(batch.count()).isEqualTo(3);
        all.addAll(contents(batch));
      }
      assertThat(loader.next()).isEmpty();
      statistics = loader.statistics();
    }
    assertThat(all).extracting(Loaded::position).containsExactly(0L, 3L, 8L, 9L, 10L);
    for (Loaded loaded : all) {
      EncodedSample sample = SAMPLES.get((int) loaded.position());
      assertThat(loaded.label()).isEqualTo(sample.label());
      assertThat(loaded.image()).isEqualTo(transformed(sample, TRANSFORM));
    }
    assertThat(statistics.images()).isEqualTo(5);
    assertThat(statistics.skipped())
        .isEqualTo(Map.of(SkipReason.TRUNCATED, 1L, SkipReason.EMPTY, 5L));
    assertThat(statistics.totalSkipped()).isEqualTo(6);
    assertThat(statistics.decodeTime()).isPositive();
    assertThat(statistics.transformTime()).isPositive();
    assertThat(statistics.consumerWaitTime()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aFailureOfTheSourceSurfacesAfterTheBatchesBeforeIt(int threads) {
    IOException cause = new IOException("s3a://bucket/shard is gone");
    Iterator<EncodedSample> failing =
        new Iterator<>() {
          private int given;

          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public EncodedSample next() {
            if (given == 6) {
              throw new UncheckedIOException(cause);
            }
            if (given > 6) {
              throw new NoSuchElementException("asked again after the failure");
            }
            return SAMPLES.get(given++);
          }
        };
    try (BatchLoader loader = loader(failing, BY_FOUR.withThreads(threads))) {
      try (Batch batch = loader.next().orElseThrow()) {
        assertThat(batch.count()).isEqualTo(4);
      }
      for (int again = 0; again < 2; again++) {
        assertThatThrownBy(loader::next)
            .isInstanceOf(LoaderException.class)
            .hasMessageStartingWith("Cannot load batch 1: the source of samples failed: ")
            .hasMessageContaining("s3a://bucket/shard is gone")
            .hasRootCause(cause);
      }
    }
  }

  @Test
  void aFailureOfTheVeryFirstLookAtTheSourceSurfaces() {
    Iterator<EncodedSample> failing =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            throw new IllegalStateException("no such shard");
          }

          @Override
          public EncodedSample next() {
            throw new NoSuchElementException();
          }
        };
    try (BatchLoader loader = loader(failing, BY_FOUR)) {
      assertThatThrownBy(loader::next)
          .isInstanceOf(LoaderException.class)
          .hasMessageContaining("no such shard");
    }
  }

  @Test
  void aFailureOfAThreadSurfacesAndNamesTheSample() {
    List<EncodedSample> samples = new ArrayList<>(SAMPLES);
    samples.set(5, new Sample("bad-position", 5, SAMPLES.get(5).image(), -7));
    try (BatchLoader loader = loader(samples.iterator(), BY_FOUR.withThreads(2))) {
      loader.next().orElseThrow().close();
      assertThatThrownBy(loader::next)
          .isInstanceOf(LoaderException.class)
          .hasMessageStartingWith("Cannot load batch 1: image bad-position failed: ")
          .hasRootCauseMessage("Invalid position: -7 (must be >= 0)");
    }
  }

  @Test
  void aSourceThatHangsIsNamedAfterTheWaitLimitAndClosingEndsIt() throws InterruptedException {
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    LoaderSettings impatient = BY_FOUR.withThreads(2).withWaitLimit(Duration.ofMillis(300));
    try (BatchLoader loader = loader(hangingAfter(2, reached, never), impatient)) {
      reached.await();
      assertThatThrownBy(loader::next)
          .isInstanceOf(LoaderException.class)
          .hasMessage(
              "Batch 0 was not ready after PT0.3S: "
                  + "waited for the source to give sample 2 of 4 of it");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void closingInTheMiddleLeavesNoThread(int batchesBefore) {
    BatchLoader loader = loader(repeated(SAMPLES.get(0), 1_000_000), BY_FOUR.withThreads(3));
    Batch last = null;
    for (int i = 0; i < batchesBefore; i++) {
      if (last != null) {
        last.close();
      }
      last = loader.next().orElseThrow();
    }
    loader.close();
    loader.close();
    noThreadIsLeft();
    assertThatThrownBy(loader::next)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot load a batch: the loader is closed");
    if (last != null) {
      assertThat(last.images().get(0)).isFinite();
      last.close();
    }
  }

  @Test
  void anInterruptedConsumerIsToldAndStaysInterrupted() {
    CountDownLatch never = new CountDownLatch(1);
    try (BatchLoader loader = loader(hangingAfter(0, new CountDownLatch(1), never), BY_FOUR)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(loader::next)
          .isInstanceOf(LoaderException.class)
          .hasMessage("Interrupted while waiting for batch 0");
    }
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void anEmptySourceGivesNoBatch() {
    try (BatchLoader loader = loader(Collections.emptyIterator(), BY_FOUR)) {
      assertThat(loader.next()).isEmpty();
      assertThat(loader.next()).isEmpty();
      assertThat(loader.statistics().images()).isZero();
    }
  }

  @Test
  void evaluationTransformsNeedNoRandomNumbers() {
    ImageTransform evaluation = EvaluationTransform.centreCrop(8);
    try (BatchLoader loader =
            new BatchLoader(SAMPLES.iterator(), evaluation, SEED, EPOCH, BY_FOUR);
        Batch batch = loader.next().orElseThrow()) {
      assertThat(contents(batch).get(0).image()).isEqualTo(transformed(SAMPLES.get(0), evaluation));
    }
  }

  @Test
  void refusesSettingsThatCannotBe() {
    assertThatThrownBy(() -> LoaderSettings.ofBatchSize(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid batch size: 0 (must be > 0)");
    assertThatThrownBy(() -> BY_FOUR.withThreads(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of threads: 0 (must be > 0)");
    assertThatThrownBy(() -> BY_FOUR.withQueueDepth(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid queue depth: -1 (must be > 0)");
    assertThatThrownBy(() -> BY_FOUR.withMaxPixels(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid limit of pixels: 0 (must be > 0)");
    assertThatThrownBy(() -> BY_FOUR.withWaitLimit(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid wait limit: PT0S (must be > 0)");
    assertThatThrownBy(() -> loader(SAMPLES.iterator(), LoaderSettings.ofBatchSize(1_000_000)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid batch size: 1000000 images of 768 floats (must be below 2 GiB)");
  }

  private static List<EncodedSample> samples(int number) {
    List<EncodedSample> samples = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      // Sizes differ, so that the threads finish out of order.
      int side = i % 2 == 0 ? 300 : 20 + i;
      byte[] image =
          Pictures.encode(Pictures.noise(side, side + 3, i), i % 3 == 0 ? "png" : "jpeg");
      samples.add(new Sample("image-" + i, i % 5, image, i));
    }
    return samples;
  }

  private static Iterator<EncodedSample> hangingAfter(
      int number, CountDownLatch reached, CountDownLatch released) {
    return new Iterator<>() {
      private int given;

      @Override
      public boolean hasNext() {
        return true;
      }

      @Override
      public EncodedSample next() {
        if (given == number) {
          reached.countDown();
          try {
            released.await();
          } catch (InterruptedException exception) {
            throw new IllegalStateException("interrupted", exception);
          }
        }
        return SAMPLES.get(given++);
      }
    };
  }

  private static Iterator<EncodedSample> repeated(EncodedSample sample, int times) {
    return Collections.nCopies(times, sample).iterator();
  }

  private static BatchLoader loader(Iterator<EncodedSample> samples, LoaderSettings settings) {
    return new BatchLoader(samples, TRANSFORM, SEED, EPOCH, settings);
  }

  private static List<List<Loaded>> load(List<EncodedSample> samples, LoaderSettings settings) {
    List<List<Loaded>> batches = new ArrayList<>();
    try (BatchLoader loader = loader(samples.iterator(), settings)) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch batch = next.get()) {
          batches.add(contents(batch));
        }
      }
      assertThat(loader.next()).isEmpty();
    }
    return batches;
  }

  private static List<Float> loadOne(EncodedSample sample, long seed, long epoch) {
    try (BatchLoader loader =
            new BatchLoader(List.of(sample).iterator(), TRANSFORM, seed, epoch, BY_FOUR);
        Batch batch = loader.next().orElseThrow()) {
      return contents(batch).get(0).image();
    }
  }

  private static List<Loaded> contents(Batch batch) {
    List<Loaded> contents = new ArrayList<>();
    FloatBuffer images = batch.images();
    int values = batch.resolutionPx() * batch.resolutionPx() * 3;
    for (int i = 0; i < batch.count(); i++) {
      List<Float> image = new ArrayList<>(values);
      for (int k = 0; k < values; k++) {
        image.add(images.get());
      }
      contents.add(new Loaded(batch.label(i), batch.position(i), image));
    }
    return contents;
  }

  private static List<Float> transformed(EncodedSample sample, ImageTransform transform) {
    FloatBuffer target = FloatBuffer.allocate(transform.valuesPerImage());
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded image = (Decoded) decoder.decode(sample.image())) {
      SampleRandom random = SampleRandom.of(SEED, EPOCH, sample.position());
      new ImageResampler()
          .resample(
              image,
              transform.region(image.widthPx(), image.heightPx(), random),
              transform,
              target,
              0);
    }
    List<Float> values = new ArrayList<>();
    for (float value : target.array()) {
      values.add(value);
    }
    return values;
  }

  private static List<Long> positions(List<EncodedSample> samples) {
    return samples.stream().map(EncodedSample::position).toList();
  }

  private static List<Integer> labels(List<EncodedSample> samples) {
    return samples.stream().map(EncodedSample::label).toList();
  }
}
