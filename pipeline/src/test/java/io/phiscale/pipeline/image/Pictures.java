package io.phiscale.pipeline.image;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Scalar;

/** Small pictures in all encodings, made on the spot. */
public final class Pictures {
  private Pictures() {}

  /** A smooth picture that is different in all four quarters and not symmetric in any way. */
  public static BufferedImage gradient(int width, int height) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int red = 255 * x / Math.max(1, width - 1);
        int green = 255 * y / Math.max(1, height - 1);
        int blue = (int) (127 + 120 * Math.sin(0.11 * x + 0.07 * y));
        image.setRGB(x, y, red << 16 | green << 8 | blue);
      }
    }
    return image;
  }

  /** Noise of full contrast, the same for the same seed. */
  public static BufferedImage noise(int width, int height, long seed) {
    SampleRandom random = SampleRandom.of(seed, 0, 0);
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, random.nextInt(1 << 24));
      }
    }
    return image;
  }

  /** One colour, 0xRRGGBB. */
  public static BufferedImage plain(int width, int height, int rgb) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, rgb);
      }
    }
    return image;
  }

  public static byte[] encode(BufferedImage image, String format) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      if (!ImageIO.write(image, format, bytes)) {
        throw new IllegalArgumentException("No writer of " + format);
      }
      return bytes.toByteArray();
    } catch (IOException exception) {
      throw new UncheckedIOException(exception);
    }
  }

  /** A JPEG of the highest quality, with or without interlacing. */
  static byte[] jpeg(BufferedImage image, int progressiveMode) {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam param = writer.getDefaultWriteParam();
    param.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    param.setCompressionQuality(1f);
    param.setProgressiveMode(progressiveMode);
    return write(writer, new IIOImage(image, null, null), param);
  }

  /** A JPEG of four bands whose values are stored as given, without an Adobe segment. */
  static byte[] fourBandJpeg(int width, int height, int first, int second, int third, int fourth) {
    WritableRaster raster = Raster.createInterleavedRaster(0, width, height, 4, null);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        raster.setPixel(x, y, new int[] {first, second, third, fourth});
      }
    }
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam param = writer.getDefaultWriteParam();
    param.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    param.setCompressionQuality(1f);
    return write(writer, new IIOImage(raster, null, null), param);
  }

  /** Inserts an Adobe segment; transform 0: CMYK or RGB, 2: YCCK. */
  static byte[] withAdobe(byte[] jpeg, int transform) {
    byte[] segment = {
      (byte) 0xff, (byte) 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, (byte) transform
    };
    return insert(jpeg, 2, segment);
  }

  /** Inserts an EXIF segment with an orientation, big-endian. */
  static byte[] withOrientation(byte[] jpeg, int orientation) {
    byte[] segment = {
      (byte) 0xff,
      (byte) 0xe1,
      0,
      34,
      'E',
      'x',
      'i',
      'f',
      0,
      0, // marker, length, name
      'M',
      'M',
      0,
      42,
      0,
      0,
      0,
      8, // byte order, offset of the directory
      0,
      1, // entries
      0x01,
      0x12,
      0,
      3,
      0,
      0,
      0,
      1,
      0,
      (byte) orientation,
      0,
      0, // orientation, SHORT, 1 value
      0,
      0,
      0,
      0 // no further directory
    };
    return insert(jpeg, 2, segment);
  }

  /** Inserts an application segment that holds another JPEG, as EXIF thumbnails do. */
  static byte[] withThumbnail(byte[] jpeg, byte[] thumbnail) {
    int length = thumbnail.length + 2;
    byte[] head = {(byte) 0xff, (byte) 0xe2, (byte) (length >> 8), (byte) length};
    return insert(insert(jpeg, 2, thumbnail), 2, head);
  }

  static byte[] animatedGif(List<BufferedImage> images) {
    try {
      ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
        writer.setOutput(stream);
        writer.prepareWriteSequence(null);
        for (BufferedImage image : images) {
          writer.writeToSequence(
              new IIOImage(
                  image,
                  null,
                  writer.getDefaultImageMetadata(
                      ImageTypeSpecifier.createFromRenderedImage(image), null)),
              null);
        }
        writer.endWriteSequence();
      }
      writer.dispose();
      return bytes.toByteArray();
    } catch (IOException exception) {
      throw new UncheckedIOException(exception);
    }
  }

  /** A lossless WebP of one colour, 0xRRGGBB. */
  static byte[] webp(int width, int height, int rgb) {
    try (Scalar bgr = new Scalar(rgb & 0xff, rgb >> 8 & 0xff, rgb >> 16, 0);
        Mat image = new Mat(height, width, opencv_core.CV_8UC3, bgr);
        BytePointer bytes = new BytePointer();
        BytePointer extension = new BytePointer(".webp")) {
      opencv_imgcodecs.imencode(extension, image, bytes);
      byte[] encoded = new byte[(int) bytes.limit()];
      bytes.get(encoded);
      return encoded;
    }
  }

  /**
   * A PNG written by hand.
   *
   * @param rows the rows of samples, each without its filter byte
   * @param palette contents of PLTE, or nothing
   * @param transparency contents of tRNS, or nothing
   */
  static byte[] png(
      int width,
      int height,
      int bitDepth,
      int colourType,
      byte[][] rows,
      byte[] palette,
      byte[] transparency) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a});
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    header.writeBytes(big(width));
    header.writeBytes(big(height));
    header.writeBytes(new byte[] {(byte) bitDepth, (byte) colourType, 0, 0, 0});
    chunk(out, "IHDR", header.toByteArray());
    if (palette.length > 0) {
      chunk(out, "PLTE", palette);
    }
    if (transparency.length > 0) {
      chunk(out, "tRNS", transparency);
    }
    ByteArrayOutputStream raw = new ByteArrayOutputStream();
    for (byte[] row : rows) {
      raw.write(0);
      raw.writeBytes(row);
    }
    chunk(out, "IDAT", deflated(raw.toByteArray()));
    chunk(out, "IEND", new byte[0]);
    return out.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream out, String type, byte[] data) {
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    out.writeBytes(big(data.length));
    out.writeBytes(name);
    out.writeBytes(data);
    out.writeBytes(big((int) crc.getValue()));
  }

  private static byte[] deflated(byte[] raw) {
    Deflater deflater = new Deflater();
    deflater.setInput(raw);
    deflater.finish();
    byte[] buffer = new byte[raw.length + 100];
    int length = deflater.deflate(buffer);
    deflater.end();
    return java.util.Arrays.copyOf(buffer, length);
  }

  private static byte[] big(int value) {
    return new byte[] {
      (byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value
    };
  }

  private static byte[] write(ImageWriter writer, IIOImage image, ImageWriteParam param) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
        writer.setOutput(stream);
        writer.write(null, image, param);
      }
      writer.dispose();
      return bytes.toByteArray();
    } catch (IOException exception) {
      throw new UncheckedIOException(exception);
    }
  }

  private static byte[] insert(byte[] bytes, int at, byte[] inserted) {
    byte[] result = new byte[bytes.length + inserted.length];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(inserted, 0, result, at, inserted.length);
    System.arraycopy(bytes, at, result, at + inserted.length, bytes.length - at);
    return result;
  }
}
