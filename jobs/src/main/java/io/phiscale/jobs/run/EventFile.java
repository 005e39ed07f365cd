package io.phiscale.jobs.run;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Metrics as an event file of TensorBoard.
 *
 * <p>A file is a sequence of records, each an {@code Event} of protocol buffers between checksums:
 *
 * <pre>
 *   uint64 length, uint32 masked CRC of it, length bytes, uint32 masked CRC of them
 * </pre>
 *
 * all little-endian, where masked is {@code rotate(crc32c, 15 bits right) + 0xa282ead8}
 * (tensorflow/core/lib/io/record_writer.h; tensorboard/compat/proto/event.proto, summary.proto).
 * The first event says {@code brain.Event:2}. There is one event a round, with these scalars; its
 * step is the number of images seen, so that runs of other numbers of workers and local steps can
 * be compared:
 *
 * <table>
 * <caption>Tags</caption>
 * <tr><td>{@code train/loss}</td><td>nats</td></tr>
 * <tr><td>{@code train/accuracy}</td><td>[0, 1], of the images as they were trained on</td></tr>
 * <tr><td>{@code train/learning_rate}</td><td></td></tr>
 * <tr><td>{@code train/epoch}</td><td></td></tr>
 * <tr><td>{@code train/skipped}</td><td>images that could not be decoded any more</td></tr>
 * <tr><td>{@code speed/images_per_second}</td><td></td></tr>
 * <tr><td>{@code round/number}, {@code round/local_steps}</td><td></td></tr>
 * <tr><td>{@code round/seconds}, {@code round/compute_seconds}, {@code round/data_wait_seconds},
 * {@code round/averaging_seconds}</td><td>the first is the sum of the others</td></tr>
 * <tr><td>{@code minival/top1}, {@code minival/loss}</td><td>of a checkpoint, in a file of its
 * own</td></tr>
 * </table>
 *
 * <p>Written by hand: it is four kinds of field, and the library for them would be of another
 * version than Spark's or Hadoop's on some cluster.
 */
final class EventFile {
  /** What the name of a file with a score ends in: it comes after that with the round's metrics. */
  static final String MINIVAL = ".minival";

  private static final int DOUBLE = 1;
  private static final int BYTES = 2;
  private static final int FLOAT = 5;
  private static final int VARINT = 0;

  private final ByteArrayOutputStream records = new ByteArrayOutputStream();

  /**
   * @param unixSeconds when it begins
   */
  EventFile(double unixSeconds) {
    append(new Message().fixed64(1, unixSeconds).bytes(3, utf8("brain.Event:2")));
  }

  /** The name of the file that begins with a round. TensorBoard reads a folder in this order. */
  static String name(int firstRound) {
    return String.format("events.out.tfevents.round-%08d", firstRound);
  }

  /** The whole file of some rounds, at least one. */
  static byte[] of(List<RoundMetrics> rounds) {
    EventFile file = new EventFile(rounds.get(0).unixSeconds());
    for (RoundMetrics round : rounds) {
      file.add(round.unixSeconds(), round.images(), scalars(round));
    }
    return file.toByteArray();
  }

  /** The whole file of a checkpoint's score. */
  static byte[] of(MinivalScore score, RoundMetrics last) {
    EventFile file = new EventFile(last.unixSeconds());
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put("minival/top1", score.top1());
    scalars.put("minival/loss", score.loss());
    file.add(last.unixSeconds(), last.images(), scalars);
    return file.toByteArray();
  }

  private static Map<String, Double> scalars(RoundMetrics round) {
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put("train/loss", round.loss());
    scalars.put("train/accuracy", round.accuracy());
    scalars.put("train/learning_rate", round.learningRate());
    scalars.put("train/epoch", round.epoch());
    scalars.put("train/skipped", (double) round.skipped());
    scalars.put("speed/images_per_second", round.imagesPerSecond());
    scalars.put("round/number", (double) round.round());
    scalars.put("round/local_steps", (double) round.localSteps());
    scalars.put("round/seconds", round.seconds());
    scalars.put("round/compute_seconds", round.computeSeconds());
    scalars.put("round/data_wait_seconds", round.waitSeconds());
    scalars.put("round/straggle_seconds", round.straggleSeconds());
    scalars.put("round/averaging_seconds", round.averagingSeconds());
    return scalars;
  }

  /**
   * Adds one event.
   *
   * @param unixSeconds when it happened
   * @param step where on the axis, &gt;= 0
   * @param scalars value by tag, stored as float32
   */
  void add(double unixSeconds, long step, Map<String, Double> scalars) {
    Message summary = new Message();
    scalars.forEach(
        (tag, value) ->
            summary.bytes(
                1, new Message().bytes(1, utf8(tag)).fixed32(2, value.floatValue()).toByteArray()));
    append(new Message().fixed64(1, unixSeconds).varint(2, step).bytes(5, summary.toByteArray()));
  }

  /** All records so far. */
  byte[] toByteArray() {
    return records.toByteArray();
  }

  private void append(Message event) {
    byte[] payload = event.toByteArray();
    byte[] length = littleEndian(Long.BYTES).putLong(payload.length).array();
    records.writeBytes(length);
    records.writeBytes(littleEndian(Integer.BYTES).putInt(maskedCrc(length)).array());
    records.writeBytes(payload);
    records.writeBytes(littleEndian(Integer.BYTES).putInt(maskedCrc(payload)).array());
  }

  private static int maskedCrc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A message of protocol buffers: fields in ascending order, each a key and a value. */
  private static final class Message {
    private final ByteArrayOutputStream fields = new ByteArrayOutputStream();

    Message fixed64(int field, double value) {
      unsigned((field << 3) | DOUBLE);
      fields.writeBytes(littleEndian(Double.BYTES).putDouble(value).array());
      return this;
    }

    Message fixed32(int field, float value) {
      unsigned((field << 3) | FLOAT);
      fields.writeBytes(littleEndian(Float.BYTES).putFloat(value).array());
      return this;
    }

    /** A zero is not written: it is what readers take a missing field for. */
    Message varint(int field, long value) {
      if (value != 0) {
        unsigned((field << 3) | VARINT);
        unsigned(value);
      }
      return this;
    }

    Message bytes(int field, byte[] value) {
      unsigned((field << 3) | BYTES);
      unsigned(value.length);
      fields.writeBytes(value);
      return this;
    }

    private void unsigned(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        fields.write((int) ((rest & 0x7f) | 0x80));
        rest >>>= 7;
      }
      fields.write((int) rest);
    }

    byte[] toByteArray() {
      return fields.toByteArray();
    }
  }
}
