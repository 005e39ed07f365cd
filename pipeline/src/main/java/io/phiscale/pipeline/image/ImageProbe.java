package io.phiscale.pipeline.image;

import java.util.Optional;

/**
 * Reads format and size from the first bytes of an encoded image, without decoding and without
 * native code: the check before memory is spent on an image.
 *
 * <p>Sources: ITU-T T.81 (JPEG), the PNG specification section 11.2.1, GIF89a section 18, RFC 9649
 * (WebP), Microsoft's BITMAPINFOHEADER.
 */
public final class ImageProbe {
  private ImageProbe() {}

  /** Returns the format by content, or empty where it is none of {@link ImageFormat}. */
  public static Optional<ImageFormat> format(byte[] encoded) {
    if (starts(encoded, 0, 0xff, 0xd8, 0xff)) {
      return Optional.of(ImageFormat.JPEG);
    }
    if (starts(encoded, 0, 0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a)) {
      return Optional.of(ImageFormat.PNG);
    }
    if (starts(encoded, 0, 'G', 'I', 'F', '8', '7', 'a')
        || starts(encoded, 0, 'G', 'I', 'F', '8', '9', 'a')) {
      return Optional.of(ImageFormat.GIF);
    }
    if (starts(encoded, 0, 'R', 'I', 'F', 'F') && starts(encoded, 8, 'W', 'E', 'B', 'P')) {
      return Optional.of(ImageFormat.WEBP);
    }
    // Two letters alone would also be the start of a text: bytes 6..9 are reserved and 0.
    if (starts(encoded, 0, 'B', 'M') && starts(encoded, 6, 0, 0, 0, 0)) {
      return Optional.of(ImageFormat.BMP);
    }
    return Optional.empty();
  }

  /**
   * Returns format and size, or empty where the format is not known or the header is too short or
   * claims an empty image.
   */
  public static Optional<ImageHeader> header(byte[] encoded) {
    Optional<ImageFormat> format = format(encoded);
    if (format.isEmpty()) {
      return Optional.empty();
    }
    return switch (format.get()) {
      case JPEG -> {
        JpegStructure structure = JpegStructure.header(encoded);
        yield header(ImageFormat.JPEG, structure.widthPx(), structure.heightPx());
      }
      case PNG -> png(encoded);
      case GIF ->
          encoded.length < 10
              ? Optional.empty()
              : header(ImageFormat.GIF, little(encoded, 6, 2), little(encoded, 8, 2));
      case WEBP -> webp(encoded);
      case BMP -> bmp(encoded);
    };
  }

  /**
   * Whether the bytes hold the image up to its end, by the format's own structure: JPEG has its
   * end-of-image marker (after the entropy-coded data, so a thumbnail's does not count), PNG its
   * IEND chunk, GIF the last block of its first picture, WebP as many bytes as its RIFF header
   * says, BMP all its rows.
   */
  static boolean complete(byte[] encoded, ImageHeader header) {
    return switch (header.format()) {
      case JPEG -> JpegStructure.whole(encoded).ended();
      case PNG -> pngEnds(encoded);
      case GIF -> gifEnds(encoded);
      case WEBP -> little(encoded, 4, 4) + 8 <= encoded.length;
      case BMP -> bmpEnds(encoded, header);
    };
  }

  private static Optional<ImageHeader> header(ImageFormat format, long width, long height) {
    if (width <= 0 || height <= 0 || width > Integer.MAX_VALUE || height > Integer.MAX_VALUE) {
      return Optional.empty();
    }
    return Optional.of(new ImageHeader(format, (int) width, (int) height));
  }

  private static Optional<ImageHeader> png(byte[] encoded) {
    if (!starts(encoded, 12, 'I', 'H', 'D', 'R') || encoded.length < 24) {
      return Optional.empty();
    }
    return header(ImageFormat.PNG, big(encoded, 16), big(encoded, 20));
  }

  private static boolean pngEnds(byte[] encoded) {
    long position = 8;
    while (position + 12 <= encoded.length) {
      long next = position + 12 + big(encoded, (int) position);
      if (starts(encoded, (int) position + 4, 'I', 'E', 'N', 'D')) {
        return next <= encoded.length;
      }
      position = next;
    }
    return false;
  }

  private static boolean gifEnds(byte[] encoded) {
    if (encoded.length < 13) {
      return false;
    }
    long position = 13 + colourTableBytes(encoded[10]);
    while (position < encoded.length) {
      int block = encoded[(int) position] & 0xff;
      if (block == 0x2c) {
        if (position + 10 > encoded.length) {
          return false;
        }
        long data = position + 11 + colourTableBytes(encoded[(int) position + 9]);
        return afterSubBlocks(encoded, data) <= encoded.length;
      }
      if (block != 0x21) {
        return false;
      }
      position = afterSubBlocks(encoded, position + 2);
    }
    return false;
  }

  private static long colourTableBytes(byte flags) {
    return (flags & 0x80) == 0 ? 0 : 3L << ((flags & 7) + 1);
  }

  private static long afterSubBlocks(byte[] encoded, long start) {
    long position = start;
    while (position < encoded.length && encoded[(int) position] != 0) {
      position += 1 + (encoded[(int) position] & 0xff);
    }
    return position + 1;
  }

  private static Optional<ImageHeader> webp(byte[] encoded) {
    if (encoded.length < 30) {
      return Optional.empty();
    }
    if (starts(encoded, 12, 'V', 'P', '8', 'X')) {
      return header(ImageFormat.WEBP, little(encoded, 24, 3) + 1, little(encoded, 27, 3) + 1);
    }
    if (starts(encoded, 12, 'V', 'P', '8', 'L') && starts(encoded, 20, 0x2f)) {
      long bits = little(encoded, 21, 4);
      return header(ImageFormat.WEBP, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
    }
    if (starts(encoded, 12, 'V', 'P', '8', ' ') && starts(encoded, 23, 0x9d, 0x01, 0x2a)) {
      return header(
          ImageFormat.WEBP, little(encoded, 26, 2) & 0x3fff, little(encoded, 28, 2) & 0x3fff);
    }
    return Optional.empty();
  }

  private static Optional<ImageHeader> bmp(byte[] encoded) {
    if (encoded.length < 26) {
      return Optional.empty();
    }
    if (little(encoded, 14, 4) == 12) {
      return header(ImageFormat.BMP, little(encoded, 18, 2), little(encoded, 20, 2));
    }
    int width = (int) little(encoded, 18, 4);
    int height = (int) little(encoded, 22, 4); // negative: rows from top to bottom
    return header(ImageFormat.BMP, width, Math.abs((long) height));
  }

  private static boolean bmpEnds(byte[] encoded, ImageHeader header) {
    boolean core = little(encoded, 14, 4) == 12;
    if (encoded.length < (core ? 26 : 34)) {
      return false;
    }
    long compression = core ? 0 : little(encoded, 30, 4);
    if (compression != 0 && compression != 3) {
      return true; // run lengths: only the decoder can tell
    }
    long bitsPerPixel = little(encoded, core ? 24 : 28, 2);
    long rowBytes = (header.widthPx() * bitsPerPixel + 31) / 32 * 4;
    return little(encoded, 10, 4) + rowBytes * header.heightPx() <= encoded.length;
  }

  private static boolean starts(byte[] encoded, int offset, int... expected) {
    if (encoded.length < offset + expected.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if ((encoded[offset + i] & 0xff) != expected[i]) {
        return false;
      }
    }
    return true;
  }

  private static long big(byte[] encoded, int offset) {
    return (encoded[offset] & 0xffL) << 24
        | (encoded[offset + 1] & 0xff) << 16
        | (encoded[offset + 2] & 0xff) << 8
        | (encoded[offset + 3] & 0xff);
  }

  private static long little(byte[] encoded, int offset, int size) {
    long value = 0;
    for (int i = size - 1; i >= 0; i--) {
      value = value << 8 | (encoded[offset + i] & 0xff);
    }
    return value;
  }
}
