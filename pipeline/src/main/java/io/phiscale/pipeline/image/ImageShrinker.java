package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Size;

/**
 * Makes smaller JPEG files of large images, for data sets that are read faster than originals can
 * be decoded: the shorter side becomes {@code shortSidePx}, the longer one in proportion, by area
 * averaging (OpenCV's INTER_AREA: every source pixel counts, so nothing aliases). Images that are
 * no larger are left alone, byte for byte.
 *
 * <p>Same bytes in, same bytes out, on one kind of processor. Owns native buffers, which it reuses:
 * close it. Not thread-safe.
 */
public final class ImageShrinker implements AutoCloseable {
  private final int shortSidePx;
  private final IntPointer parameters;
  private final Mat smaller = new Mat();
  private final BytePointer encoded = new BytePointer();

  /**
   * @param shortSidePx target of the shorter side, pixels, &gt; 0
   * @param jpegQuality libjpeg's quality, 1 to 100
   */
  public ImageShrinker(int shortSidePx, int jpegQuality) {
    if (shortSidePx <= 0) {
      throw new IllegalArgumentException(
          "Invalid short side: %s px (must be > 0)".formatted(shortSidePx));
    }
    if (jpegQuality < 1 || jpegQuality > 100) {
      throw new IllegalArgumentException(
          "Invalid JPEG quality: %s (must be in [1, 100])".formatted(jpegQuality));
    }
    this.shortSidePx = shortSidePx;
    this.parameters = new IntPointer(opencv_imgcodecs.IMWRITE_JPEG_QUALITY, jpegQuality);
  }

  /**
   * A smaller file of an image.
   *
   * @param width of the new image, pixels
   * @param height of the new image, pixels
   * @param jpeg the file
   */
  public record Smaller(int width, int height, ByteBuffer jpeg) {
    /** The file as an array of its own. */
    public byte[] bytes() {
      byte[] bytes = new byte[jpeg.remaining()];
      jpeg.duplicate().get(bytes);
      return bytes;
    }
  }

  /**
   * Shrinks an image.
   *
   * @param image open; stays open
   * @return the smaller file, valid until the next call; or nothing if the image is small enough
   */
  public Optional<Smaller> shrink(Decoded image) {
    int shortSide = Math.min(image.widthPx(), image.heightPx());
    if (shortSide <= shortSidePx) {
      return Optional.empty();
    }
    int width = scaled(image.widthPx(), shortSide);
    int height = scaled(image.heightPx(), shortSide);
    try (BytePointer pixels = image.pixels();
        Mat large =
            new Mat(
                image.heightPx(), image.widthPx(), opencv_core.CV_8UC3, pixels, image.rowBytes());
        Mat bgr = new Mat();
        Size size = new Size(width, height)) {
      opencv_imgproc.resize(large, smaller, size, 0, 0, opencv_imgproc.INTER_AREA);
      opencv_imgproc.cvtColor(smaller, bgr, opencv_imgproc.COLOR_RGB2BGR);
      if (!opencv_imgcodecs.imencode(".jpg", bgr, encoded, parameters)) {
        throw new IllegalStateException(
            "Cannot encode a JPEG of %s x %s px".formatted(width, height));
      }
    }
    return Optional.of(new Smaller(width, height, encoded.asByteBuffer()));
  }

  private int scaled(int side, int shortSide) {
    return Math.toIntExact(Math.round((double) side * shortSidePx / shortSide));
  }

  /** Frees the native buffers. */
  @Override
  public void close() {
    smaller.close();
    encoded.close();
    parameters.close();
  }
}
