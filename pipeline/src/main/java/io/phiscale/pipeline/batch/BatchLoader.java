package io.phiscale.pipeline.batch;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Augmenter;
import io.phiscale.pipeline.image.DecodeResult;
import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Rejected;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.image.SampleRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Turns a sequence of encoded samples into batches, in background threads.
 *
 * <p>The batches hold the samples in the order of the iterator, and what they hold depends on
 * (samples, transform, augmentation, run seed, epoch, batch size) alone: neither on the number of
 * threads nor on their timing. A sample that is damaged or cannot be decoded is left out and
 * counted by reason; its batch has one image less, so batch borders do not move. A batch without
 * any image is not delivered. The last batch has as many images as are left.
 *
 * <p>A failure of the iterator or of a thread is thrown by {@link #next}, after the batches before
 * it were delivered. Waiting for a batch ends after the settings' wait limit with a message that
 * says what was waited for.
 *
 * <p>The threads take turns at the iterator, which therefore needs not be thread-safe. It is not
 * closed here, and must not be closed before this is. Batches are filled at most queue depth ahead,
 * in memory that comes back through {@link Batch#close}: nothing is allocated per batch, and little
 * per loader, as the next one takes over the memory of one that is closed. {@link #next}, {@link
 * Batch#close} and {@link #close} are for one consumer thread.
 */
public final class BatchLoader implements AutoCloseable {
  private record Assignment(BatchBuffer batch, int slot, EncodedSample sample) {}

  private final Iterator<? extends EncodedSample> samples;
  private final ImageTransform transform;
  private final Augmentation augmentation;
  private final BatchMixer mixer;
  private final long runSeed;
  private final long epoch;
  private final LoaderSettings settings;
  private final int buffers;
  private final List<Thread> threads = new ArrayList<>();

  /** Held while a sample is fetched and given its slot; taken before {@link #lock}, never after. */
  private final ReentrantLock sourceLock = new ReentrantLock();

  /** The batch that slots are taken from; guarded by {@link #sourceLock}. */
  private BatchBuffer current;

  /** Guards everything below and the bookkeeping of the buffers. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition changed = lock.newCondition();
  private final Deque<BatchBuffer> free = new ArrayDeque<>();
  private final Deque<BatchBuffer> inOrder = new ArrayDeque<>();
  private final List<SkippedSample> skipped = new ArrayList<>();
  private int allocated;
  private int lent;
  private long delivered;
  private Throwable sourceFailure;

  /** No sample is fetched any more. Written under {@link #lock}. */
  private volatile boolean ended;

  /** Written under {@link #lock}. */
  private volatile boolean closed;

  private final LongAdder images = new LongAdder();
  private final LongAdder decodeNanos = new LongAdder();
  private final LongAdder transformNanos = new LongAdder();
  private final LongAdder sourceNanos = new LongAdder();
  private final LongAdder readerWaitNanos = new LongAdder();
  private final LongAdder consumerWaitNanos = new LongAdder();

  /**
   * Starts loading, without augmentations beyond the transform's own.
   *
   * @param samples the samples, in order
   * @param transform what is done to each image
   * @param runSeed the run's seed
   * @param epoch the epoch, from 0
   * @param settings batch size, threads, memory and patience
   */
  public BatchLoader(
      Iterator<? extends EncodedSample> samples,
      ImageTransform transform,
      long runSeed,
      long epoch,
      LoaderSettings settings) {
    this(samples, transform, Augmentation.NONE, runSeed, epoch, settings);
  }

  /**
   * Starts loading.
   *
   * @param samples the samples, in order
   * @param transform what is done to each image
   * @param augmentation what else is done to each image, and how images of a batch are mixed
   * @param runSeed the run's seed
   * @param epoch the epoch, from 0
   * @param settings batch size, threads, memory and patience
   */
  public BatchLoader(
      Iterator<? extends EncodedSample> samples,
      ImageTransform transform,
      Augmentation augmentation,
      long runSeed,
      long epoch,
      LoaderSettings settings) {
    this.samples = requireNonNull(samples, "samples");
    this.transform = requireNonNull(transform, "transform");
    this.augmentation = requireNonNull(augmentation, "augmentation");
    this.mixer = new BatchMixer(augmentation.mixing(), transform.resolutionPx(), runSeed, epoch);
    this.settings = requireNonNull(settings, "settings");
    this.runSeed = runSeed;
    this.epoch = epoch;
    this.buffers = settings.queueDepth() + 1;
    if (epoch < 0) {
      throw new IllegalArgumentException("Invalid epoch: " + epoch + " (must be >= 0)");
    }
    BatchBuffer.bytes(settings.batchSize(), transform.valuesPerImage());
    for (int i = 0; i < settings.threads(); i++) {
      Thread thread = new Thread(this::work, "batch-loader-" + i);
      thread.setDaemon(true);
      threads.add(thread);
    }
    threads.forEach(Thread::start);
  }

  /**
   * Returns the next batch, waiting for it where necessary, or empty after the last one.
   *
   * @return a batch to be closed by the caller
   * @throws LoaderException if the source or a thread failed, with the cause; if the wait limit
   *     passed; if interrupted
   * @throws IllegalStateException if this is closed, or if all batches of the loader's memory are
   *     still open
   */
  public Optional<Batch> next() {
    lock.lock();
    try {
      long start = System.nanoTime();
      try {
        return Optional.ofNullable(await(start + settings.waitLimit().toNanos()));
      } finally {
        consumerWaitNanos.add(System.nanoTime() - start);
      }
    } catch (InterruptedException exception) {
      Thread.currentThread().interrupt();
      throw new LoaderException("Interrupted while waiting for batch " + delivered, exception);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the samples that were left out so far, in the order of their positions. All of them
   * once {@link #next} has returned empty.
   */
  public List<SkippedSample> skipped() {
    lock.lock();
    try {
      List<SkippedSample> inOrder = new ArrayList<>(skipped);
      inOrder.sort(Comparator.comparingLong(SkippedSample::position));
      return inOrder;
    } finally {
      lock.unlock();
    }
  }

  /** Returns what happened so far. */
  public LoaderStatistics statistics() {
    lock.lock();
    try {
      Map<SkipReason, Long> byReason = new EnumMap<>(SkipReason.class);
      skipped.forEach(sample -> byReason.merge(sample.reason(), 1L, Long::sum));
      return new LoaderStatistics(
          images.sum(),
          byReason,
          Duration.ofNanos(decodeNanos.sum()),
          Duration.ofNanos(transformNanos.sum()),
          Duration.ofNanos(sourceNanos.sum()),
          Duration.ofNanos(readerWaitNanos.sum()),
          Duration.ofNanos(consumerWaitNanos.sum()));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends the threads, which are interrupted where they wait or read, and returns when they have
   * ended. May be repeated. An open {@link Batch} stays readable.
   *
   * @throws LoaderException if a thread does not end within the wait limit, because the iterator
   *     does not heed interrupts
   */
  @Override
  public void close() {
    List<BatchBuffer> unused = new ArrayList<>();
    lock.lock();
    try {
      closed = true;
      unused.addAll(free);
      unused.addAll(inOrder);
      free.clear();
      inOrder.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    threads.forEach(Thread::interrupt);
    boolean interrupted = Thread.interrupted();
    long deadline = System.nanoTime() + settings.waitLimit().toNanos();
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        long millis = (deadline - System.nanoTime()) / 1_000_000;
        if (millis <= 0) {
          throw new LoaderException(
              "Thread %s did not end within %s of closing: its iterator of samples does not return"
                  .formatted(thread.getName(), settings.waitLimit()));
        }
        try {
          thread.join(millis);
        } catch (InterruptedException exception) {
          interrupted = true;
        }
      }
    }
    unused.forEach(BatchBuffer::release); // only now that no thread fills one
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  void recycle(BatchBuffer buffer) {
    lock.lock();
    try {
      lent--;
      giveBack(buffer);
    } finally {
      lock.unlock();
    }
  }

  private void giveBack(BatchBuffer buffer) {
    buffer.reset();
    if (closed) {
      buffer.release();
    } else {
      free.add(buffer);
      changed.signalAll();
    }
  }

  private Batch await(long deadline) throws InterruptedException {
    while (true) {
      if (closed) {
        throw new IllegalStateException("Cannot load a batch: the loader is closed");
      }
      BatchBuffer head = inOrder.peek();
      if (head == null) {
        if (sourceFailure != null) {
          throw sourceFailed();
        }
        if (ended) {
          return null;
        }
        if (lent == buffers) {
          throw new IllegalStateException(
              "Cannot load batch %d: all %d batches of the loader are still open; close one first"
                  .formatted(delivered, buffers));
        }
      } else if (head.failure() != null) {
        throw new LoaderException(
            "Cannot load batch %d: image %s failed: %s"
                .formatted(delivered, head.failedKey(), head.failure()),
            head.failure());
      } else if (head.pending() == 0 && !head.isFull() && sourceFailure != null) {
        throw sourceFailed();
      } else if (head.pending() == 0 && (head.isFull() || ended)) {
        inOrder.remove();
        head.closeUp();
        if (head.assigned() > 0) {
          mixer.mix(head);
          lent++;
          delivered++;
          return new Batch(this, head, transform.resolutionPx());
        }
        giveBack(head);
        continue;
      }
      long remaining = deadline - System.nanoTime();
      if (remaining <= 0) {
        throw new LoaderException(
            "Batch %d was not ready after %s: waited for %s"
                .formatted(delivered, settings.waitLimit(), waitedFor(head)));
      }
      changed.awaitNanos(remaining);
    }
  }

  private String waitedFor(BatchBuffer head) {
    if (head == null) {
      return "the source to give the first sample of it";
    }
    return head.isFull()
        ? "%d of its %d images to be decoded".formatted(head.pending(), head.capacity())
        : "the source to give sample %d of %d of it".formatted(head.assigned(), head.capacity());
  }

  private LoaderException sourceFailed() {
    return new LoaderException(
        "Cannot load batch %d: the source of samples failed: %s"
            .formatted(delivered, sourceFailure),
        sourceFailure);
  }

  private void work() {
    try (ImageDecoder decoder = new ImageDecoder(settings.maxPixels())) {
      Augmenter augmenter = new Augmenter(transform, augmentation);
      Assignment assignment = nextAssignment();
      while (assignment != null) {
        process(assignment, decoder, augmenter);
        assignment = nextAssignment();
      }
    } catch (InterruptedException exception) {
      endSource(null); // closed
    } catch (Throwable failure) { // nothing may end a thread in silence: next() would wait for it
      endSource(failure);
    }
  }

  private Assignment nextAssignment() throws InterruptedException {
    sourceLock.lockInterruptibly();
    try {
      if (ended || closed) {
        return null;
      }
      long start = System.nanoTime();
      boolean more = samples.hasNext();
      sourceNanos.add(System.nanoTime() - start);
      if (!more) {
        endSource(null);
        return null;
      }
      if (current == null) {
        current = acquire();
        if (current == null) {
          return null;
        }
      }
      start = System.nanoTime();
      EncodedSample sample = samples.next();
      sourceNanos.add(System.nanoTime() - start);
      BatchBuffer batch = current;
      int slot = assign(batch, sample);
      if (batch.isFull()) {
        current = null;
      }
      return new Assignment(batch, slot, sample);
    } finally {
      sourceLock.unlock();
    }
  }

  private void process(Assignment assignment, ImageDecoder decoder, Augmenter augmenter) {
    BatchBuffer batch = assignment.batch();
    EncodedSample sample = assignment.sample();
    try {
      long start = System.nanoTime();
      Optional<EncodedSample.Damage> damage = sample.damage();
      if (damage.isPresent()) {
        decodeNanos.add(System.nanoTime() - start);
        skipped(assignment, damage.get().reason(), damage.get().cause());
        return;
      }
      SampleRandom random = SampleRandom.of(runSeed, epoch, sample.position());
      DecodeResult result =
          decoder.decode(sample.image(), whole -> augmenter.extent(whole, random));
      long decodedAt = System.nanoTime();
      decodeNanos.add(decodedAt - start);
      if (result instanceof Decoded image) {
        try (image) {
          augmenter.write(image, random, batch.images(), batch.offset(assignment.slot()));
        }
        transformNanos.add(System.nanoTime() - decodedAt);
        images.increment();
        filled(assignment);
      } else if (result instanceof Rejected rejected) {
        skipped(assignment, SkipReason.of(rejected.reason()), rejected.detail());
      }
    } catch (Throwable failure) { // goes to the consumer
      failed(assignment, failure);
    }
  }

  /**
   * Waits for a free batch and puts it last in the order of delivery; null when there is nothing
   * more to fill.
   */
  private BatchBuffer acquire() throws InterruptedException {
    lock.lock();
    try {
      long start = System.nanoTime();
      while (free.isEmpty() && allocated == buffers && !ended && !closed) {
        changed.await();
      }
      readerWaitNanos.add(System.nanoTime() - start);
      if (ended || closed) {
        return null;
      }
      BatchBuffer buffer = free.poll();
      if (buffer == null) {
        buffer = new BatchBuffer(settings.batchSize(), transform.valuesPerImage());
        allocated++;
      }
      inOrder.add(buffer);
      return buffer;
    } finally {
      lock.unlock();
    }
  }

  private int assign(BatchBuffer batch, EncodedSample sample) {
    lock.lock();
    try {
      return batch.assign(sample.label(), sample.softTargets(), sample.position());
    } finally {
      lock.unlock();
    }
  }

  private void filled(Assignment assignment) {
    lock.lock();
    try {
      BatchBuffer batch = assignment.batch();
      batch.fill(assignment.slot());
      signalIfComplete(batch);
    } finally {
      lock.unlock();
    }
  }

  private void skipped(Assignment assignment, SkipReason reason, String cause) {
    EncodedSample sample = assignment.sample();
    lock.lock();
    try {
      skipped.add(new SkippedSample(sample.position(), sample.key(), reason, cause));
      BatchBuffer batch = assignment.batch();
      batch.skip();
      signalIfComplete(batch);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The consumer is not woken for single images: it would only compete with the threads for the
   * lock.
   */
  private void signalIfComplete(BatchBuffer batch) {
    if (batch.pending() == 0 && (batch.isFull() || ended)) {
      changed.signalAll();
    }
  }

  private void failed(Assignment assignment, Throwable failure) {
    lock.lock();
    try {
      ended = true;
      assignment.batch().fail(assignment.sample().key(), failure);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void endSource(Throwable failure) {
    lock.lock();
    try {
      ended = true;
      if (sourceFailure == null) {
        sourceFailure = failure;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
