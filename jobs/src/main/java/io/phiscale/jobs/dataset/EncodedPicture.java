package io.phiscale.jobs.dataset;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.ImageTransform;
import io.phiscale.pipeline.image.Normalization;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * What a network sees, as a picture for people.
 *
 * @param mediaType {@code image/png} or {@code image/jpeg}
 * @param encoded the file, read only
 */
public record EncodedPicture(String mediaType, ByteBuffer encoded) {
  private static final float JPEG_QUALITY = 0.9f;

  public EncodedPicture {
    requireNonNull(mediaType, "mediaType");
    encoded = encoded.asReadOnlyBuffer();
  }

  /**
   * Turns the network's input back into 8 bits a channel.
   *
   * @param values (H, W, C) = (resolution, resolution, 3), float32, normalised, from index 0
   * @param transform what made them
   * @param largestPngPx up to this side it is PNG; beyond, JPEG, which would blur the colours of
   *     small ones
   */
  public static EncodedPicture of(FloatBuffer values, ImageTransform transform, int largestPngPx) {
    int side = transform.resolutionPx();
    Normalization normalization = transform.normalization();
    BufferedImage picture = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
    for (int pixel = 0; pixel < side * side; pixel++) {
      int rgb = 0;
      for (int channel = 0; channel < 3; channel++) {
        float value =
            values.get(3 * pixel + channel) * normalization.stddev(channel)
                + normalization.mean(channel);
        rgb = rgb << 8 | Math.max(0, Math.min(255, Math.round(255 * value)));
      }
      picture.setRGB(pixel % side, pixel / side, rgb);
    }
    String format = side <= largestPngPx ? "png" : "jpeg";
    return new EncodedPicture("image/" + format, ByteBuffer.wrap(encoded(picture, format)));
  }

  private static byte[] encoded(BufferedImage picture, String format) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageWriter writer = ImageIO.getImageWritersByFormatName(format).next();
    try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
      writer.setOutput(stream);
      ImageWriteParam parameters = writer.getDefaultWriteParam();
      if (format.equals("jpeg")) {
        parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        parameters.setCompressionQuality(JPEG_QUALITY);
      }
      writer.write(null, new IIOImage(picture, null, null), parameters);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot encode a picture: " + e.getMessage(), e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }
}
