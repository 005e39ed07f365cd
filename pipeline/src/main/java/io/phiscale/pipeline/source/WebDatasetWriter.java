package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.phiscale.pipeline.shard.ShardRecord;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes samples as a WebDataset tar, byte for byte as {@code webdataset.TarWriter(stream,
 * mtime=0)} does on Python 3.8 or later (webdataset/webdataset, writer.py@e0953f9): ustar with pax
 * headers for names that are longer than 100 bytes or not ASCII, extensions of a sample in sorted
 * order, mode 0444, owner and group {@code bigdata} with ids 0, padded to 10,240 bytes as Python's
 * {@code tarfile} does. The time is 0, so that the same images give the same bytes.
 */
public final class WebDatasetWriter implements Closeable {
  private static final int RECORD_BYTES = 10_240;
  private static final int NAME_BYTES = 100;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final OutputStream out;
  private long written;
  private String previousKey = "";

  /**
   * A tar on a stream, which is closed with it.
   *
   * @param out best buffered
   */
  public WebDatasetWriter(OutputStream out) {
    this.out = out;
  }

  /**
   * Appends a stored image as three files: {@code KEY.cls}, the label's number; {@code KEY.jpg} or
   * what its format is, the stored bytes; {@code KEY.json}, with {@code key, label, class, width,
   * height, sha256}.
   *
   * <p>KEY is the image's key without extension. WebDataset ends a key at its first dot: further
   * dots of the file's name become {@code %2E}. A key that the sample before has too is replaced by
   * its SHA-256; the json has it whole.
   *
   * @param className the name of the label's class
   */
  public void write(ShardRecord image, String className) throws IOException {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("key", image.key());
    json.put("label", image.label());
    json.put("class", className);
    json.put("width", image.width());
    json.put("height", image.height());
    json.put("sha256", image.sha256());
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("cls", Integer.toString(image.label()).getBytes(US_ASCII));
    files.put(image.format().equals("jpeg") ? "jpg" : image.format(), image.image());
    try {
      files.put("json", JSON.writeValueAsBytes(json));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write %s as JSON".formatted(image.key()), e);
    }
    String key = sampleKey(image.key());
    if (key.equals(previousKey)) {
      key = ShardRecord.sha256(image.key().getBytes(UTF_8));
    }
    previousKey = key;
    write(key, files);
  }

  /** Appends a sample of any files, by extension. */
  void write(String key, Map<String, byte[]> files) throws IOException {
    for (Map.Entry<String, byte[]> file : new TreeMap<>(files).entrySet()) {
      byte[] content = file.getValue();
      put(header(key + "." + file.getKey(), content.length));
      put(content);
      put(new byte[padding(content.length, TarEntries.BLOCK)]);
    }
  }

  private static String sampleKey(String key) {
    int slash = key.lastIndexOf('/');
    int dot = key.lastIndexOf('.');
    String folder = key.substring(0, slash + 1);
    String name = dot > slash + 1 ? key.substring(slash + 1, dot) : key.substring(slash + 1);
    return folder + name.replace(".", "%2E");
  }

  /** The headers of a file: a pax header before it if its name does not fit. */
  private static byte[] header(String name, long size) {
    boolean plain = name.length() <= NAME_BYTES && US_ASCII.newEncoder().canEncode(name);
    if (plain) {
      return ustar(name.getBytes(US_ASCII), "0000444\0", size, '0', "bigdata");
    }
    byte[] record = paxRecord("path=" + name + "\n");
    byte[] first = ustar("././@PaxHeader".getBytes(US_ASCII), "0000000\0", record.length, 'x', "");
    // What is not ASCII becomes a question mark here; readers take the name of the pax header.
    byte[] cut = Arrays.copyOf(name.getBytes(US_ASCII), Math.min(name.length(), NAME_BYTES));
    byte[] second = ustar(cut, "0000444\0", size, '0', "bigdata");
    ByteBuffer headers =
        ByteBuffer.allocate(
            2 * TarEntries.BLOCK + record.length + padding(record.length, TarEntries.BLOCK));
    headers.put(first).put(record);
    return headers.put(headers.capacity() - TarEntries.BLOCK, second).array();
  }

  /** A line of a pax header, which begins with its own length. */
  private static byte[] paxRecord(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    int length = bytes.length + 1;
    int digits = 1;
    while (String.valueOf(length + digits).length() > digits) {
      digits++;
    }
    return (length + digits + " " + text).getBytes(UTF_8);
  }

  private static byte[] ustar(byte[] name, String mode, long size, char type, String owner) {
    byte[] header = new byte[TarEntries.BLOCK];
    System.arraycopy(name, 0, header, 0, name.length);
    text(header, 100, mode);
    text(header, 108, "0000000\0");
    text(header, 116, "0000000\0");
    text(header, 124, "%011o\0".formatted(size));
    text(header, 136, "00000000000\0");
    text(header, 148, "        ");
    header[156] = (byte) type;
    text(header, 257, "ustar\00000");
    text(header, 265, owner);
    text(header, 297, owner);
    int sum = 0;
    for (byte value : header) {
      sum += value & 0xFF;
    }
    text(header, 148, "%06o\0".formatted(sum));
    return header;
  }

  private static void text(byte[] header, int offset, String text) {
    byte[] bytes = text.getBytes(US_ASCII);
    System.arraycopy(bytes, 0, header, offset, bytes.length);
  }

  private static int padding(long length, int unit) {
    return (int) ((unit - length % unit) % unit);
  }

  private void put(byte[] bytes) throws IOException {
    out.write(bytes);
    written += bytes.length;
  }

  /** Ends the archive and closes the stream. */
  @Override
  public void close() throws IOException {
    finish();
    out.close();
  }

  /** Ends the archive; the stream stays open. */
  public void finish() throws IOException {
    put(new byte[2 * TarEntries.BLOCK]);
    put(new byte[padding(written, RECORD_BYTES)]);
    out.flush();
  }
}
