package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Extent;
import io.phiscale.pipeline.image.DecodeResult.Reduction;
import io.phiscale.pipeline.image.DecodeResult.Rejected;
import io.phiscale.pipeline.image.DecodeResult.Size;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.Optional;
import java.util.function.Function;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * Decodes JPEG, PNG, GIF, WebP and BMP to upright 8-bit RGB; content decides, never a file name.
 *
 * <ul>
 *   <li>Grey becomes three equal channels; a palette is looked up; of 16 bits the upper 8 are kept;
 *       of an animation, the first picture.
 *   <li>Alpha is dropped, not composited: the colour that is stored under a transparent pixel
 *       stays. (Pillow's {@code convert("RGB")}, which torchvision and timm use, does the same.)
 *   <li>CMYK and YCCK JPEGs become RGB without colour management: {@code R = (255 - C) * (255 - K)
 *       / 255}. Files with an Adobe segment store the values inverted, files without one do not
 *       (Pillow's rule).
 *   <li>The EXIF orientation is applied. (TensorFlow's and Pillow's decoders do not; upright is
 *       what a person sees.)
 * </ul>
 *
 * <p>Strict where libjpeg only warns: bytes that end before their image does are {@link
 * DecodeFailure#TRUNCATED}, see {@link ImageProbe#complete}, because a decoder would fill the
 * missing part with grey and a network would learn it. A JPEG without its last two bytes, the
 * end-of-image marker, is rejected by this rule although all pixels may be there. Damage in the
 * middle of a JPEG that does end properly is not noticed.
 *
 * <p>Ownership: the decoder owns a native buffer for the encoded bytes and one for the pixels, both
 * reused. Close the {@link Decoded} before the next {@link #decode}, and the decoder at the end.
 * Not thread-safe: one decoder per thread.
 */
public final class ImageDecoder implements AutoCloseable {
  /**
   * The default limit of pixels, Pillow's limit for a decompression bomb: {@code 2 * (1 GiB / 4 /
   * 3)}, at which it raises an error.
   */
  public static final long DEFAULT_MAX_PIXELS = 178_956_970L;

  /**
   * The most pixels a side may have: JPEG's own limit. It keeps the working memory of a resize
   * bounded for images of one pixel's width.
   */
  public static final int MAX_SIDE_PX = 65_535;

  /** A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size. */
  public static final int MAX_REDUCTION = 8;

  static {
    // Parallelism comes from the tasks around a decoder: one more pool of threads would only get in
    // their way.
    opencv_core.setNumThreads(1);
  }

  private final long maxPixels;
  private final Mat pixels = new Mat();
  private BytePointer memory = new BytePointer();
  private BytePointer encodedPointer = new BytePointer();
  private ByteBuffer encodedBuffer = ByteBuffer.allocate(0);
  private boolean lent;
  private boolean closed;

  /** Makes a decoder with the default limit of pixels. */
  public ImageDecoder() {
    this(DEFAULT_MAX_PIXELS);
  }

  /**
   * Makes a decoder.
   *
   * @param maxPixels the most pixels an image may have to be decoded, 1 to 2^31 / 3
   */
  public ImageDecoder(long maxPixels) {
    long most = Integer.MAX_VALUE / ImageResampler.CHANNELS;
    if (maxPixels < 1 || maxPixels > most) {
      throw new IllegalArgumentException(
          "Invalid limit of pixels: %s (must be in [1, %s])".formatted(maxPixels, most));
    }
    this.maxPixels = maxPixels;
  }

  /**
   * Decodes an image in full.
   *
   * @param encoded the encoded image
   * @return as {@link #decode(byte[], Function)}
   */
  public DecodeResult decode(byte[] encoded) {
    return decode(encoded, whole -> Extent.WHOLE);
  }

  /**
   * Decodes an image, a JPEG only in part or at a fraction of its size where that will do.
   *
   * @param encoded the encoded image
   * @param extent how much is needed of an image of the given size
   * @return the pixels, to be closed by the caller before the next call; or the reason why there
   *     are none
   * @throws IllegalStateException if the result of the last call was not closed, or this decoder
   *     was
   */
  public DecodeResult decode(byte[] encoded, Function<Size, Extent> extent) {
    requireNonNull(encoded, "encoded");
    if (closed) {
      throw new IllegalStateException("Cannot decode: the decoder is closed");
    }
    if (lent) {
      throw new IllegalStateException("Cannot decode: the image before is not closed");
    }
    if (encoded.length == 0) {
      return new Rejected(DecodeFailure.EMPTY, "0 bytes");
    }
    Optional<ImageFormat> format = ImageProbe.format(encoded);
    if (format.isEmpty()) {
      return new Rejected(
          DecodeFailure.UNSUPPORTED_FORMAT, "Content starts with " + firstBytes(encoded));
    }
    JpegStructure jpeg = format.get() == ImageFormat.JPEG ? JpegStructure.whole(encoded) : null;
    if (jpeg != null && !jpeg.ended()) {
      return truncated(encoded, ImageFormat.JPEG);
    }
    Optional<ImageHeader> header = ImageProbe.header(encoded);
    if (header.isEmpty()) {
      return new Rejected(
          DecodeFailure.UNREADABLE,
          "The header of the %s has no size".formatted(format.get().id()));
    }
    if (header.get().pixels() > maxPixels) {
      return new Rejected(
          DecodeFailure.TOO_LARGE,
          "%d x %d px (limit: %d pixels)"
              .formatted(header.get().widthPx(), header.get().heightPx(), maxPixels));
    }
    if (Math.max(header.get().widthPx(), header.get().heightPx()) > MAX_SIDE_PX) {
      return new Rejected(
          DecodeFailure.TOO_LARGE,
          "%d x %d px (limit of a side: %d)"
              .formatted(header.get().widthPx(), header.get().heightPx(), MAX_SIDE_PX));
    }
    if (jpeg == null && !ImageProbe.complete(encoded, header.get())) {
      return truncated(encoded, format.get());
    }
    if (jpeg == null) {
      return decodeNatively(encoded, header.get());
    }
    if (jpeg.plainCmyk()) {
      return decodePlainCmyk(encoded, jpeg);
    }
    return decodePart(encoded, header.get(), jpeg, extent.apply(jpeg.upright(header.get())));
  }

  /** Frees the native memory. A {@link Decoded} of this decoder must not be read afterwards. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      pixels.close();
      memory.close();
      encodedPointer.close();
    }
  }

  void release() {
    lent = false;
  }

  private DecodeResult decodeNatively(byte[] encoded, ImageHeader header) {
    copy(encoded);
    return decodeNatively(header.format(), encoded.length, header.widthPx(), header.heightPx(), 1)
        .<DecodeResult>map(rejected -> rejected)
        .orElseGet(() -> lend(header.format()));
  }

  private DecodeResult decodePart(
      byte[] encoded, ImageHeader header, JpegStructure jpeg, Extent extent) {
    Size upright = jpeg.upright(header);
    JpegStructure.Part part = jpeg.part(extent.rows());
    boolean cut = part.rows() < header.heightPx();
    int times = extent.reduction();
    if (!cut && times == 1) {
      return decodeNatively(encoded, header);
    }
    copy(encoded);
    if (cut) {
      jpeg.putHeight(part.rows(), encodedBuffer);
    }
    Optional<Rejected> rejected =
        decodeNatively(header.format(), part.bytes(), header.widthPx(), part.rows(), times);
    if (rejected.isPresent() && !cut) {
      return rejected.get();
    }
    boolean asExpected =
        rejected.isEmpty()
            && pixels.cols() == divided(upright.widthPx(), times)
            && pixels.rows() == divided(cut ? part.rows() : upright.heightPx(), times);
    // In full where OpenCV reads a strange EXIF block in another way, as crops would be misplaced,
    // and where libjpeg looks further than the bytes of the part.
    return asExpected
        ? lend(header.format(), upright, jpeg.reduction(upright, times))
        : decodeNatively(encoded, header);
  }

  private void copy(byte[] encoded) {
    if (encodedBuffer.capacity() < encoded.length) {
      encodedPointer.close();
      encodedPointer = new BytePointer(Math.max(1L << 20, encoded.length * 5L / 4));
      encodedBuffer = encodedPointer.asByteBuffer();
    }
    encodedBuffer.put(0, encoded);
  }

  /** Decodes what was copied into {@link #pixels}; returns what was wrong, if anything. */
  private Optional<Rejected> decodeNatively(
      ImageFormat format, int bytes, int widthPx, int heightPx, int reduction) {
    int flags = flags(reduction);
    reserve(divided(widthPx, reduction), divided(heightPx, reduction));
    try (Mat source = new Mat(1, bytes, opencv_core.CV_8UC1, encodedPointer);
        Mat decoded = opencv_imgcodecs.imdecode(source, flags, pixels)) {
      if (decoded.empty()) {
        return Optional.of(unreadable(format, "its data are damaged"));
      }
    } catch (RuntimeException exception) { // what the presets make of any C++ exception
      return Optional.of(unreadable(format, firstLine(exception)));
    }
    return Optional.empty();
  }

  /** The reductions "to grey" are the bare ones: those of colour also ask for BGR. */
  private static int flags(int reduction) {
    int rgb = opencv_imgcodecs.IMREAD_COLOR_RGB;
    return switch (reduction) {
      case 1 -> rgb;
      case 2 -> rgb | opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_2;
      case 4 -> rgb | opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_4;
      case MAX_REDUCTION -> rgb | opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_8;
      default ->
          throw new IllegalArgumentException(
              "Invalid reduction: %s (must be 1, 2, 4 or 8)".formatted(reduction));
    };
  }

  /** As libjpeg rounds: up. */
  static int divided(int sidePx, int reduction) {
    return (sidePx + reduction - 1) / reduction;
  }

  /**
   * Lays {@link #pixels} over memory that stays. OpenCV decodes into a matrix of the right size and
   * type, and would else free one and allocate another for every image: the pages that the system
   * then clears cost a tenth of decoding. Where the image is turned it allocates all the same.
   */
  private void reserve(int widthPx, int heightPx) {
    long bytes = (long) widthPx * heightPx * ImageResampler.CHANNELS;
    if (memory.capacity() < bytes) {
      pixels.release();
      memory.close();
      memory = new BytePointer(Math.max(1L << 20, bytes * 5 / 4));
    }
    try (Mat room = new Mat(heightPx, widthPx, opencv_core.CV_8UC3, memory)) {
      pixels.put(room);
    }
  }

  /**
   * OpenCV takes any four-channel JPEG to be inverted, so the rare kind that is not goes through
   * the JDK's reader, which gives the bare values.
   */
  private DecodeResult decodePlainCmyk(byte[] encoded, JpegStructure jpeg) {
    Raster raster;
    try {
      raster = readRaster(encoded);
    } catch (IOException | RuntimeException exception) {
      return unreadable(ImageFormat.JPEG, firstLine(exception));
    }
    int width = raster.getWidth();
    int height = raster.getHeight();
    byte[] rgb = new byte[width * ImageResampler.CHANNELS];
    int[] cmyk = new int[width * 4];
    try (Mat unoriented = new Mat(height, width, opencv_core.CV_8UC3);
        BytePointer start = unoriented.data()) {
      ByteBuffer target = start.capacity((long) height * rgb.length).asByteBuffer();
      for (int y = 0; y < height; y++) {
        raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, cmyk);
        for (int x = 0; x < width; x++) {
          int paper = 255 - cmyk[x * 4 + 3];
          for (int channel = 0; channel < ImageResampler.CHANNELS; channel++) {
            int light = (255 - cmyk[x * 4 + channel]) * paper;
            rgb[x * ImageResampler.CHANNELS + channel] = (byte) ((light + 127) / 255);
          }
        }
        target.put(y * rgb.length, rgb);
      }
      orient(unoriented, jpeg.orientation());
    }
    return lend(ImageFormat.JPEG);
  }

  private static Raster readRaster(byte[] encoded) throws IOException {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg");
    if (!readers.hasNext()) {
      throw new IOException("this Java runtime has no JPEG reader");
    }
    ImageReader reader = readers.next();
    try (ImageInputStream stream =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(encoded))) {
      reader.setInput(stream, true, true);
      return reader.readRaster(0, null);
    } finally {
      reader.dispose();
    }
  }

  /**
   * Writes the upright version of an image into {@link #pixels}: Exif 2.32, table of orientations.
   */
  private void orient(Mat unoriented, int orientation) {
    final int aroundHorizontalAxis = 0;
    final int aroundVerticalAxis = 1;
    switch (orientation) {
      case 2 -> opencv_core.flip(unoriented, pixels, aroundVerticalAxis);
      case 3 -> opencv_core.rotate(unoriented, pixels, opencv_core.ROTATE_180);
      case 4 -> opencv_core.flip(unoriented, pixels, aroundHorizontalAxis);
      case 5 -> opencv_core.transpose(unoriented, pixels);
      case 6 -> opencv_core.rotate(unoriented, pixels, opencv_core.ROTATE_90_CLOCKWISE);
      case 7 -> {
        try (Mat transposed = new Mat()) {
          opencv_core.transpose(unoriented, transposed);
          opencv_core.rotate(transposed, pixels, opencv_core.ROTATE_180);
        }
      }
      case 8 -> opencv_core.rotate(unoriented, pixels, opencv_core.ROTATE_90_COUNTERCLOCKWISE);
      default -> unoriented.copyTo(pixels);
    }
  }

  private Decoded lend(ImageFormat format) {
    return lend(format, new Size(pixels.cols(), pixels.rows()), Reduction.NONE);
  }

  private Decoded lend(ImageFormat format, Size whole, Reduction reduction) {
    if (pixels.type() != opencv_core.CV_8UC3) {
      throw new IllegalStateException("Cannot use a decoded image of type " + pixels.type());
    }
    int height = pixels.rows();
    int rowBytes = Math.toIntExact(pixels.step());
    try (BytePointer start = pixels.data()) {
      ByteBuffer view = start.capacity((long) height * rowBytes).asByteBuffer();
      lent = true;
      return new Decoded(this, format, pixels.cols(), height, rowBytes, whole, reduction, view);
    }
  }

  private static Rejected unreadable(ImageFormat format, String why) {
    return new Rejected(
        DecodeFailure.UNREADABLE, "Cannot decode the %s: %s".formatted(format.id(), why));
  }

  private static String firstLine(Exception exception) {
    return String.valueOf(exception.getMessage()).lines().findFirst().orElse("no message");
  }

  private static Rejected truncated(byte[] encoded, ImageFormat format) {
    return new Rejected(
        DecodeFailure.TRUNCATED,
        "The %s does not end within its %d bytes".formatted(format.id(), encoded.length));
  }

  private static String firstBytes(byte[] encoded) {
    StringBuilder hex = new StringBuilder();
    for (int i = 0; i < Math.min(8, encoded.length); i++) {
      hex.append(i == 0 ? "" : " ").append("%02x".formatted(encoded[i] & 0xff));
    }
    return hex.toString();
  }
}
