package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Optional;

/**
 * One stored image: a row of a shard. The Parquet columns carry the same names and order: {@code
 * key} string, {@code label} int32, {@code image} binary, {@code width} int32, {@code height}
 * int32, {@code format} string, {@code sha256} string; where images may have several labels also
 * {@code soft_labels} list of int32 and {@code soft_weights} list of float.
 *
 * <p>Not a record, because it holds an array: the encoded bytes are shared with the caller, not
 * copied; nobody may change them.
 */
public final class ShardRecord implements Serializable {
  private static final long serialVersionUID = 1L;

  private final String key;
  private final int label;
  private final byte[] image;
  private final int width;
  private final int height;
  private final String format;
  private final String sha256;
  private final SoftTargets softTargets;

  /**
   * A stored image.
   *
   * @param key the path inside the collection, unique in its split
   * @param label index into the label space
   * @param image the encoded bytes as they came
   * @param width of the decoded image, in pixels
   * @param height of the decoded image, in pixels
   * @param format of the encoded bytes, in lower case: {@code jpeg}, {@code png}
   * @param sha256 of the encoded bytes, 64 lower-case hexadecimal digits
   */
  public ShardRecord(
      String key, int label, byte[] image, int width, int height, String format, String sha256) {
    this(key, label, image, width, height, format, sha256, null);
  }

  private ShardRecord(
      String key,
      int label,
      byte[] image,
      int width,
      int height,
      String format,
      String sha256,
      SoftTargets softTargets) {
    this.softTargets = softTargets;
    this.key = requireNonNull(key, "key");
    this.label = label;
    this.image = requireNonNull(image, "image");
    this.width = width;
    this.height = height;
    this.format = requireNonNull(format, "format");
    this.sha256 = requireNonNull(sha256, "sha256");
    if (key.isEmpty()) {
      throw new IllegalArgumentException("Invalid key: empty");
    }
    if (label < 0) {
      throw new IllegalArgumentException(
          "Invalid label of %s: %s (must be >= 0)".formatted(key, label));
    }
    if (width <= 0 || height <= 0) {
      throw new IllegalArgumentException(
          "Invalid size of %s: %sx%s (must be > 0)".formatted(key, width, height));
    }
    if (sha256.length() != 64) {
      throw new IllegalArgumentException(
          "Invalid sha256 of %s: %s (must be 64 hexadecimal digits)".formatted(key, sha256));
    }
  }

  /** A stored image whose checksum is computed from its bytes. */
  public static ShardRecord of(
      String key, int label, byte[] image, int width, int height, String format) {
    return new ShardRecord(key, label, image, width, height, format, sha256(image));
  }

  /** This image with several weighted labels; {@link #label} stays. */
  public ShardRecord withSoftTargets(SoftTargets targets) {
    return new ShardRecord(
        key, label, image, width, height, format, sha256, requireNonNull(targets, "targets"));
  }

  /** The same with no bytes, of which only the checksum is left: for what needs no pixels. */
  public ShardRecord withoutBytes() {
    return new ShardRecord(key, label, new byte[0], width, height, format, sha256, softTargets);
  }

  /** All labels with their weights, where the shard has them. */
  public Optional<SoftTargets> softTargets() {
    return Optional.ofNullable(softTargets);
  }

  /** The SHA-256 of bytes, as 64 lower-case hexadecimal digits. */
  public static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(newSha256().digest(bytes));
  }

  static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** The path inside the collection. */
  public String key() {
    return key;
  }

  /** Index into the label space. */
  public int label() {
    return label;
  }

  /** The encoded bytes, not copied. */
  public byte[] image() {
    return image;
  }

  /** Width of the decoded image, in pixels. */
  public int width() {
    return width;
  }

  /** Height of the decoded image, in pixels. */
  public int height() {
    return height;
  }

  /** Format of the encoded bytes, in lower case. */
  public String format() {
    return format;
  }

  /** The recorded checksum of the encoded bytes. */
  public String sha256() {
    return sha256;
  }

  /** Whether the encoded bytes have the recorded checksum. */
  public boolean isIntact() {
    return sha256(image).equals(sha256);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ShardRecord record
        && key.equals(record.key)
        && label == record.label
        && width == record.width
        && height == record.height
        && format.equals(record.format)
        && sha256.equals(record.sha256)
        && Objects.equals(softTargets, record.softTargets)
        && Arrays.equals(image, record.image);
  }

  @Override
  public int hashCode() {
    return 31 * key.hashCode() + sha256.hashCode();
  }

  @Override
  public String toString() {
    return "ShardRecord[%s, label %s, %s %sx%s, %s bytes]"
        .formatted(key, label, format, width, height, image.length);
  }
}
