package io.phiscale.jobs.support;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads event files of TensorBoard, with Guava's CRC, and checks every checksum. */
public final class EventFileReader {
  private EventFileReader() {}

  /** An event with scalars. */
  public record Event(double unixSeconds, long step, Map<String, Float> scalars) {}

  /** All events after the first, which must say the version. */
  public static List<Event> read(byte[] file) {
    List<Map<Integer, Object>> messages = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      byte[] length = take(in, 8);
      assertThat(in.getInt()).as("CRC of a length").isEqualTo(masked(length));
      byte[] payload = take(in, (int) little(length).getLong());
      assertThat(in.getInt()).as("CRC of an event").isEqualTo(masked(payload));
      messages.add(message(payload));
    }
    assertThat(text(messages.get(0).get(3))).isEqualTo("brain.Event:2");
    return messages.stream().skip(1).map(EventFileReader::event).toList();
  }

  private static Event event(Map<Integer, Object> message) {
    Map<String, Float> scalars = new LinkedHashMap<>();
    ByteBuffer summary = little((byte[]) message.get(5));
    while (summary.hasRemaining()) {
      assertThat(varint(summary)).as("a value").isEqualTo((1 << 3) | 2);
      Map<Integer, Object> value = message(take(summary, (int) varint(summary)));
      scalars.put(text(value.get(1)), (Float) value.get(2));
    }
    return new Event((Double) message.get(1), (Long) message.getOrDefault(2, 0L), scalars);
  }

  /** Fields by number, each at most once. */
  private static Map<Integer, Object> message(byte[] bytes) {
    Map<Integer, Object> fields = new LinkedHashMap<>();
    ByteBuffer in = little(bytes);
    while (in.hasRemaining()) {
      int key = (int) varint(in);
      Object value =
          switch (key & 7) {
            case 0 -> varint(in);
            case 1 -> in.getDouble();
            case 2 -> take(in, (int) varint(in));
            case 5 -> in.getFloat();
            default -> throw new AssertionError("Wire type " + (key & 7));
          };
      assertThat(fields.put(key >>> 3, value)).isNull();
    }
    return fields;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      value |= (next & 0x7fL) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }

  private static int masked(byte[] bytes) {
    int crc = Hashing.crc32c().hashBytes(bytes).asInt();
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  private static byte[] take(ByteBuffer in, int count) {
    byte[] bytes = new byte[count];
    in.get(bytes);
    return bytes;
  }

  private static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String text(Object bytes) {
    return new String((byte[]) bytes, StandardCharsets.UTF_8);
  }
}
