package io.phiscale.jobs.report;

import java.awt.Graphics2D;
import java.awt.GraphicsEnvironment;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import javax.imageio.ImageIO;

/**
 * Draws a plot as PNG in the light theme, for slides and READMEs. Unlike {@link SvgDrawing} it
 * needs a font on the machine, and looks as that font does.
 */
final class PngDrawing {
  /** Pixels of the picture for each of the drawing. */
  private static final int SCALE = 2;

  private PngDrawing() {}

  /** Why no plot can be drawn here: the machine has no fonts; empty where it has. */
  static Optional<String> problem() {
    try {
      String[] fonts =
          GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames();
      return fonts.length > 0 ? Optional.empty() : Optional.of("there are no fonts");
    } catch (InternalError | LinkageError e) {
      // So the JDK says that it finds no fonts, or not the libraries that read them.
      return Optional.of("the JDK cannot use fonts here (" + e.getMessage() + ")");
    }
  }

  /** A whole file of {@value #SCALE} times this size. */
  static byte[] file(Plot plot, int widthPx, int heightPx) {
    BufferedImage picture =
        new BufferedImage(SCALE * widthPx, SCALE * heightPx, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = picture.createGraphics();
    try {
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.scale(SCALE, SCALE);
      Rectangle2D area = new Rectangle2D.Double(0, 0, widthPx, heightPx);
      plot.inkwell()
          .drawPixels(
              () -> {
                graphics.setPaint(plot.inkwell().of(Ink.SURFACE));
                graphics.fill(area);
                plot.chart().draw(graphics, area);
              });
    } finally {
      graphics.dispose();
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(picture, "png", bytes)) {
        throw new IllegalStateException("Cannot draw " + plot.name() + ": the JDK writes no PNG");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot draw " + plot.name() + ": " + e.getMessage(), e);
    }
    return bytes.toByteArray();
  }
}
