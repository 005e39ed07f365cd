package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.RejectReason;
import java.io.Serializable;
import java.util.Arrays;

/** One item of a collection: an image with its class, or what was wrong with it. */
public sealed interface SourceItem extends Serializable {
  /** A larger file is no image for training; and it has to fit into an array. */
  int MAX_IMAGE_BYTES = 256 << 20;

  /** The path inside the collection. */
  String key();

  /**
   * An image file and its class. Nobody has looked at the bytes yet: whether they are an image
   * shows when they are decoded.
   *
   * <p>Not a record, because it holds an array, which is shared and not copied.
   */
  final class LabelledImage implements SourceItem {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String className;
    private final byte[] bytes;

    /**
     * A labelled image.
     *
     * @param key the path inside the collection
     * @param className a name as in a label space
     * @param bytes the file's content, not empty
     */
    public LabelledImage(String key, String className, byte[] bytes) {
      this.key = requireNonNull(key, "key");
      this.className = requireNonNull(className, "className");
      this.bytes = requireNonNull(bytes, "bytes");
      if (bytes.length == 0) {
        throw new IllegalArgumentException("Invalid image %s: no bytes".formatted(key));
      }
    }

    @Override
    public String key() {
      return key;
    }

    /** The name of the class. */
    public String className() {
      return className;
    }

    /** The file's content, not copied. */
    public byte[] bytes() {
      return bytes;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof LabelledImage image
          && key.equals(image.key)
          && className.equals(image.className)
          && Arrays.equals(bytes, image.bytes);
    }

    @Override
    public int hashCode() {
      return key.hashCode();
    }

    @Override
    public String toString() {
      return "LabelledImage[%s, class %s, %s bytes]".formatted(key, className, bytes.length);
    }
  }

  /**
   * An item that cannot become an image.
   *
   * @param key the path inside the collection, as far as there is one
   * @param reason why
   * @param detail for people
   */
  record Rejected(String key, RejectReason reason, String detail) implements SourceItem {
    public Rejected {
      requireNonNull(key, "key");
      requireNonNull(reason, "reason");
      requireNonNull(detail, "detail");
    }
  }
}
