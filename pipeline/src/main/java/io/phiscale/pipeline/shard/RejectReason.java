package io.phiscale.pipeline.shard;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Why an item of a collection did not become a stored image. Rejects are counted by reason in the
 * manifest, under the {@link #id()}, which never changes once published.
 */
public enum RejectReason {
  /** The bytes claim a supported format, and the decoder cannot make an image of them. */
  UNREADABLE("unreadable"),
  /** The content ends before the image does. */
  TRUNCATED("truncated"),
  /** The file has no bytes. */
  EMPTY("empty"),
  /** The bytes are of no image format that is supported, whatever the file's name says. */
  UNSUPPORTED_FORMAT("unsupported-format"),
  /** More bytes, or more pixels, than the limit for one image. */
  TOO_LARGE("too-large"),
  /** Another item of the same split has the same key. */
  DUPLICATE_KEY("duplicate-key"),
  /** Another image that is kept has the same bytes. Nothing is wrong with it. */
  DUPLICATE_CONTENT("duplicate-content"),
  /** The item has no label, or one that is not in the label space. */
  UNKNOWN_LABEL("unknown-label"),
  /** An archive entry with an absolute path, a {@code ..} in it, or that is no file (a device). */
  UNSAFE_ENTRY("unsafe-entry"),
  /** An archive entry that is a symbolic or hard link. */
  LINK_ENTRY("link-entry"),
  /** The name is not valid UTF-8, so that no stable key can be made of it. */
  INVALID_NAME("invalid-name"),
  /** A table names an image that is not there. */
  MISSING("missing"),
  /** The bytes do not have the recorded checksum. */
  CHECKSUM_MISMATCH("checksum-mismatch");

  private final String id;

  RejectReason(String id) {
    this.id = id;
  }

  /** The name in manifests, tables and messages: lower case, with hyphens. */
  @JsonValue
  public String id() {
    return id;
  }

  /**
   * The reason with an id.
   *
   * @throws IllegalArgumentException if there is none; lists the valid ones
   */
  @JsonCreator
  public static RejectReason of(String id) {
    for (RejectReason reason : values()) {
      if (reason.id.equals(id)) {
        return reason;
      }
    }
    throw new IllegalArgumentException(
        "Invalid reject reason: %s (must be one of %s)"
            .formatted(
                id,
                Arrays.stream(values()).map(RejectReason::id).collect(Collectors.joining(", "))));
  }

  @Override
  public String toString() {
    return id;
  }
}
