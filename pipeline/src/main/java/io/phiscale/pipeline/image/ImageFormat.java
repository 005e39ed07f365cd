package io.phiscale.pipeline.image;

/**
 * An image file format that {@link ImageDecoder} reads, recognised by content and never by file
 * name.
 */
public enum ImageFormat {
  JPEG("jpeg"),
  PNG("png"),
  GIF("gif"),
  WEBP("webp"),
  BMP("bmp");

  private final String id;

  ImageFormat(String id) {
    this.id = id;
  }

  /** Returns the name under which manifests and tables store this format: lower case, stable. */
  public String id() {
    return id;
  }
}
