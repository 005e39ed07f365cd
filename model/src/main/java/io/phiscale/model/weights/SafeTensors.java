package io.phiscale.model.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.shade.jackson.core.JsonEncoding;
import org.nd4j.shade.jackson.core.JsonFactory;
import org.nd4j.shade.jackson.core.JsonGenerator;
import org.nd4j.shade.jackson.core.JsonParser;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.core.JsonToken;

/**
 * Files of named tensors in the safetensors format.
 *
 * <pre>
 *   int64   length of the header, little-endian
 *   header  JSON: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *   data    the tensors, one after the other: no gap, no overlap
 * </pre>
 *
 * <p>Source: huggingface/safetensors, README, "Format".
 */
public final class SafeTensors {
  /** Longest header that is read: no network here has more than a few thousand tensors. */
  static final int LONGEST_HEADER = 16 << 20;

  private static final int LONGEST_REASON = 300;

  /** As many as PyTorch can have. */
  private static final int MOST_DIMENSIONS = 64;

  /** Of 2^31. */
  private static final int MOST_DIGITS = 10;

  private static final String METADATA = "__metadata__";

  private SafeTensors() {}

  private record Entry(String name, ElementType type, List<Integer> shape, long begin, long end) {}

  /**
   * Reads a file. Its data is mapped, not copied: the file must stay as it is while the tensors are
   * used.
   *
   * @return the tensors in order of their place in the file
   * @throws IOException if it cannot be read or is not such a file; the message names it and what
   *     is wrong
   */
  public static Map<String, Tensor> read(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() > Integer.MAX_VALUE) {
        throw invalid(file, String.format("%s bytes (must be less than 2^31)", channel.size()));
      }
      return parse(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()), file);
    } catch (IllegalArgumentException e) {
      throw new IOException(invalid(file, e.getMessage()).getMessage(), e);
    }
  }

  private static Map<String, Tensor> parse(ByteBuffer bytes, Path file) throws IOException {
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    int size = bytes.limit();
    if (size < Long.BYTES) {
      throw invalid(file, String.format("%s bytes are too few for a header", size));
    }
    long headerLength = bytes.getLong(0);
    if (headerLength < 2 || headerLength > Math.min(LONGEST_HEADER, size - Long.BYTES)) {
      throw invalid(
          file,
          String.format(
              "a header of %s bytes (must be from 2 to %s, in a file of %s)",
              Long.toUnsignedString(headerLength), LONGEST_HEADER, size));
    }
    byte[] header = new byte[(int) headerLength];
    bytes.get(Long.BYTES, header);
    List<Entry> entries;
    try {
      entries = entries(header, file);
    } catch (JsonProcessingException e) {
      throw invalid(file, "its header is not the JSON expected: " + e.getOriginalMessage());
    }
    ByteBuffer data = bytes.slice(Long.BYTES + header.length, size - Long.BYTES - header.length);
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    long covered = 0;
    for (Entry entry : entries) {
      long wanted = Tensor.elements(entry.shape()) * entry.type().bytes();
      if (entry.end() > data.limit()) {
        throw invalid(
            file,
            String.format(
                "tensor %s ends at byte %s of %s: the file is cut off",
                Printable.name(entry.name()), entry.end(), data.limit()));
      }
      if (entry.begin() != covered) {
        throw invalid(
            file,
            String.format(
                "tensor %s begins at byte %s (must be %s: tensors may neither overlap nor leave"
                    + " gaps)",
                Printable.name(entry.name()), entry.begin(), covered));
      }
      if (entry.end() - entry.begin() != wanted) {
        throw invalid(
            file,
            String.format(
                "tensor %s takes bytes %s to %s (must be %s bytes for %s %s)",
                Printable.name(entry.name()),
                entry.begin(),
                entry.end(),
                wanted,
                entry.type(),
                entry.shape()));
      }
      covered = entry.end();
      tensors.put(
          entry.name(),
          new Tensor(entry.type(), entry.shape(), data.slice((int) entry.begin(), (int) wanted)));
    }
    if (covered != data.limit()) {
      throw invalid(file, String.format("%s bytes behind the last tensor", data.limit() - covered));
    }
    return tensors;
  }

  /** Reads token by token, so that nesting costs no stack. */
  private static List<Entry> entries(byte[] header, Path file) throws IOException {
    JsonFactory factory = new JsonFactory().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    List<Entry> entries = new ArrayList<>();
    try (JsonParser parser = factory.createParser(new String(header, StandardCharsets.UTF_8))) {
      expect(parser.nextToken(), JsonToken.START_OBJECT, file);
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.getCurrentName();
        expect(parser.nextToken(), JsonToken.START_OBJECT, file);
        if (name.equals(METADATA)) {
          while (parser.nextToken() == JsonToken.FIELD_NAME) {
            expect(parser.nextToken(), JsonToken.VALUE_STRING, file);
          }
        } else {
          entries.add(entry(parser, name, file));
        }
      }
      if (parser.nextToken() != null) {
        throw invalid(file, "its header goes on behind its JSON");
      }
    }
    return entries;
  }

  private static Entry entry(JsonParser parser, String name, Path file) throws IOException {
    ElementType type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.getCurrentName();
      JsonToken value = parser.nextToken();
      switch (key) {
        case "dtype" -> {
          expect(value, JsonToken.VALUE_STRING, file);
          type = type(parser.getText(), name, file);
        }
        case "shape" -> shape = numbers(parser, name, file);
        case "data_offsets" -> offsets = numbers(parser, name, file);
        default ->
            throw invalid(
                file,
                String.format("tensor %s has a key %s", Printable.name(name), Printable.name(key)));
      }
    }
    if (type == null || shape == null || offsets == null || offsets.size() != 2) {
      throw invalid(
          file,
          String.format(
              "tensor %s (must have dtype, shape and data_offsets of two)", Printable.name(name)));
    }
    return new Entry(
        name, type, shape.stream().map(Long::intValue).toList(), offsets.get(0), offsets.get(1));
  }

  private static ElementType type(String text, String name, Path file) throws IOException {
    for (ElementType type : ElementType.values()) {
      if (type.name().equals(text)) {
        return type;
      }
    }
    throw invalid(
        file,
        String.format(
            "tensor %s is of type %s (must be one of %s)",
            Printable.name(name), Printable.name(text), List.of(ElementType.values())));
  }

  private static List<Long> numbers(JsonParser parser, String name, Path file) throws IOException {
    expect(parser.currentToken(), JsonToken.START_ARRAY, file);
    List<Long> numbers = new ArrayList<>();
    while (parser.nextToken() == JsonToken.VALUE_NUMBER_INT) {
      // By its length first: a number of a million digits would take hours to convert.
      long number = parser.getTextLength() > MOST_DIGITS ? -1 : parser.getLongValue();
      if (number < 0 || number > Integer.MAX_VALUE) {
        throw invalid(
            file,
            String.format("tensor %s has a size or offset out of [0, 2^31)", Printable.name(name)));
      }
      if (numbers.size() == MOST_DIMENSIONS) {
        throw invalid(
            file,
            String.format(
                "tensor %s has more than %s dimensions", Printable.name(name), MOST_DIMENSIONS));
      }
      numbers.add(number);
    }
    expect(parser.currentToken(), JsonToken.END_ARRAY, file);
    return numbers;
  }

  private static void expect(JsonToken found, JsonToken wanted, Path file) throws IOException {
    if (found != wanted) {
      throw invalid(file, String.format("its header has %s where %s must be", found, wanted));
    }
  }

  private static IOException invalid(Path file, String what) {
    return new IOException(
        String.format(
            "Cannot read %s: not a whole safetensors file: %s",
            file, Printable.of(what, LONGEST_REASON)));
  }

  /**
   * Writes tensors in the order given, with {@code {"format": "pt"}} as metadata, which readers for
   * PyTorch ask for.
   *
   * @throws IOException if the stream does
   */
  public static void write(OutputStream out, Map<String, Tensor> tensors) throws IOException {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator generator = new JsonFactory().createGenerator(json, JsonEncoding.UTF8)) {
      generator.writeStartObject();
      generator.writeObjectFieldStart(METADATA);
      generator.writeStringField("format", "pt");
      generator.writeEndObject();
      long offset = 0;
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        Tensor tensor = entry.getValue();
        generator.writeObjectFieldStart(entry.getKey());
        generator.writeStringField("dtype", tensor.type().name());
        generator.writeArrayFieldStart("shape");
        for (int size : tensor.shape()) {
          generator.writeNumber(size);
        }
        generator.writeEndArray();
        generator.writeArrayFieldStart("data_offsets");
        generator.writeNumber(offset);
        offset += tensor.bytes().remaining();
        generator.writeNumber(offset);
        generator.writeEndArray();
        generator.writeEndObject();
      }
      generator.writeEndObject();
    }
    // Readers want the data aligned to eight bytes.
    while (json.size() % Long.BYTES != 0) {
      json.write(' ');
    }
    out.write(
        ByteBuffer.allocate(Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(json.size())
            .array());
    json.writeTo(out);
    for (Tensor tensor : tensors.values()) {
      ByteBuffer bytes = tensor.bytes();
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      out.write(copy);
    }
  }
}
