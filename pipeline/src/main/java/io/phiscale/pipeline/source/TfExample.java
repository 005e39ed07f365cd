package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The first values of the features of a {@code tf.train.Example}, decoded from protobuf's wire
 * format without protobuf (tensorflow/core/example/example.proto and feature.proto):
 *
 * <pre>{@code
 * Example  { Features features = 1; }
 * Features { map<string, Feature> feature = 1; }      entry { key = 1; value = 2; }
 * Feature  { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; }
 * BytesList { repeated bytes value = 1; }
 * Int64List { repeated int64 value = 1 [packed]; }
 * }</pre>
 *
 * @param bytes first value of each feature that is a list of bytes
 * @param integers first value of each feature that is a list of integers
 */
record TfExample(Map<String, byte[]> bytes, Map<String, Long> integers) {
  /** Protobuf's wire types. */
  private static final int VARINT = 0;

  private static final int FIXED_64 = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FIXED_32 = 5;

  TfExample {
    bytes = Map.copyOf(bytes);
    integers = Map.copyOf(integers);
  }

  /**
   * Decodes an example.
   *
   * @throws IllegalArgumentException if the bytes are none
   */
  static TfExample parse(byte[] message) {
    Map<String, byte[]> bytes = new HashMap<>();
    Map<String, Long> integers = new HashMap<>();
    Fields example = new Fields(message, 0, message.length);
    while (example.next()) {
      if (example.isMessage(1)) {
        Fields features = example.message();
        while (features.next()) {
          if (features.isMessage(1)) {
            feature(features.message(), bytes, integers);
          }
        }
      }
    }
    return new TfExample(bytes, integers);
  }

  /** The text of the first of these features that there is and is not empty. */
  Optional<String> text(String... names) {
    for (String name : names) {
      byte[] value = bytes.get(name);
      if (value != null && value.length > 0) {
        return Optional.of(new String(value, UTF_8));
      }
    }
    return Optional.empty();
  }

  private static void feature(Fields entry, Map<String, byte[]> bytes, Map<String, Long> integers) {
    String name = "";
    Fields feature = null;
    while (entry.next()) {
      if (entry.isMessage(1)) {
        name = new String(entry.content(), UTF_8);
      } else if (entry.isMessage(2)) {
        feature = entry.message();
      }
    }
    while (feature != null && feature.next()) {
      if (feature.isMessage(1)) {
        Fields list = feature.message();
        if (list.next() && list.isMessage(1)) {
          bytes.put(name, list.content());
        }
      } else if (feature.isMessage(3)) {
        Fields list = feature.message();
        if (list.next() && list.field == 1) {
          // Packed, or, as old writers do, one field per value.
          if (list.type == VARINT) {
            integers.put(name, list.value);
          } else if (list.type == LENGTH_DELIMITED && list.value > 0) {
            integers.put(name, list.message().varint());
          }
        }
      }
    }
  }

  /** The fields of a message, one after the other. */
  private static final class Fields {
    private final byte[] buffer;
    private final int end;
    private int position;
    private int field;
    private int type;

    /** A number, or the length of a content. */
    private long value;

    /** Where the content begins. */
    private int start;

    Fields(byte[] buffer, int start, int end) {
      this.buffer = buffer;
      this.position = start;
      this.end = end;
    }

    boolean next() {
      if (position == end) {
        return false;
      }
      long tag = varint();
      field = (int) (tag >>> 3);
      type = (int) (tag & 7);
      start = position;
      switch (type) {
        case VARINT -> value = varint();
        case FIXED_64 -> skip(Long.BYTES);
        case FIXED_32 -> skip(Integer.BYTES);
        case LENGTH_DELIMITED -> {
          value = varint();
          start = position;
          skip(value);
        }
        default ->
            throw new IllegalArgumentException(
                "Not a tf.Example: wire type %s at byte %s".formatted(type, position));
      }
      return true;
    }

    boolean isMessage(int wanted) {
      return field == wanted && type == LENGTH_DELIMITED;
    }

    Fields message() {
      return new Fields(buffer, start, position);
    }

    byte[] content() {
      byte[] content = new byte[position - start];
      System.arraycopy(buffer, start, content, 0, content.length);
      return content;
    }

    private void skip(long bytes) {
      if (bytes < 0 || bytes > end - position) {
        throw new IllegalArgumentException(
            "Not a tf.Example: %s bytes promised at byte %s of %s".formatted(bytes, position, end));
      }
      position += (int) bytes;
    }

    long varint() {
      long result = 0;
      for (int shift = 0; shift < 64; shift += 7) {
        if (position == end) {
          throw new IllegalArgumentException("Not a tf.Example: it ends in a number");
        }
        byte next = buffer[position++];
        result |= (next & 0x7FL) << shift;
        if (next >= 0) {
          return result;
        }
      }
      throw new IllegalArgumentException(
          "Not a tf.Example: a number of more than ten bytes at byte %s".formatted(position));
    }
  }
}
