package io.phiscale.pipeline.image;

/** Why encoded bytes did not become an image. */
public enum DecodeFailure {
  /** There are no bytes at all. */
  EMPTY("empty"),
  /** The content is none of {@link ImageFormat}, whatever the file is called. */
  UNSUPPORTED_FORMAT("unsupported-format"),
  /** The header claims more pixels than the decoder's limit; nothing was decoded. */
  TOO_LARGE("too-large"),
  /** The content ends before the image does. */
  TRUNCATED("truncated"),
  /**
   * The format was recognised, but header or data are damaged or of a kind no decoder here reads.
   */
  UNREADABLE("unreadable");

  private final String id;

  DecodeFailure(String id) {
    this.id = id;
  }

  /** Returns the name under which tables store this reason: lower case, stable. */
  public String id() {
    return id;
  }
}
