package io.phiscale.jobs.report;

import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics;
import java.awt.font.FontRenderContext;
import java.awt.font.LineMetrics;
import java.awt.geom.Rectangle2D;
import java.text.CharacterIterator;

/**
 * A sans-serif font that knows its measures without any font file: layout needs no fonts on the
 * machine (containers often have none, and then the JDK gives up with an Error) and is the same
 * everywhere. The widths are those of Helvetica as in Adobe's font metrics, enlarged by 15% because
 * the viewer's sans-serif font may be wider.
 */
final class PlotFont extends Font {
  private static final long serialVersionUID = 1L;

  private static final double ALLOWANCE = 1.15;
  private static final double ASCENT = 0.93;
  private static final double DESCENT = 0.23;

  /** Widths of U+0020 to U+007E in thousandths of the size. */
  private static final int[] WIDTHS = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, // space to /
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // 0 to ?
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // @ to O
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // P to _
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // ` to o
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584 // p to ~
  };

  /** Width of Greek letters, accented ones and signs; wider scripts take a whole em. */
  private static final int OTHER_WIDTH = 600;

  private static final int EM = 1000;

  PlotFont(int sizePx) {
    super(SANS_SERIF, PLAIN, sizePx);
  }

  /** Width of a text in px. */
  double width(String text) {
    return text.codePoints().mapToLong(PlotFont::width).sum() * ALLOWANCE * getSize2D() / EM;
  }

  double ascent() {
    return ASCENT * getSize2D();
  }

  double height() {
    return (ASCENT + DESCENT) * getSize2D();
  }

  FontMetrics metrics() {
    return new Metrics(this);
  }

  private static long width(int codePoint) {
    int index = codePoint - ' ';
    if (index >= 0 && index < WIDTHS.length) {
      return WIDTHS[index];
    }
    return codePoint < 0x1100 ? OTHER_WIDTH : EM;
  }

  @Override
  public Rectangle2D getStringBounds(String text, FontRenderContext context) {
    return new Rectangle2D.Double(0, -ascent(), width(text), height());
  }

  @Override
  public LineMetrics getLineMetrics(String text, FontRenderContext context) {
    return new Line(this, text.length());
  }

  @Override
  public LineMetrics getLineMetrics(
      CharacterIterator text, int begin, int end, FontRenderContext context) {
    return new Line(this, end - begin);
  }

  /** The measures as AWT asks for them. */
  private static final class Metrics extends FontMetrics {
    private static final long serialVersionUID = 1L;

    Metrics(PlotFont font) {
      super(font);
    }

    private PlotFont plotFont() {
      return (PlotFont) font;
    }

    @Override
    public int getAscent() {
      return (int) Math.round(plotFont().ascent());
    }

    @Override
    public int getDescent() {
      return (int) Math.round(plotFont().height()) - getAscent();
    }

    @Override
    public int getLeading() {
      return 0;
    }

    @Override
    public int charWidth(char character) {
      return stringWidth(Character.toString(character));
    }

    @Override
    public int charsWidth(char[] data, int offset, int length) {
      return stringWidth(new String(data, offset, length));
    }

    @Override
    public int stringWidth(String text) {
      return (int) Math.ceil(plotFont().width(text));
    }

    @Override
    public Rectangle2D getStringBounds(String text, Graphics context) {
      return plotFont().getStringBounds(text, (FontRenderContext) null);
    }

    @Override
    public LineMetrics getLineMetrics(String text, Graphics context) {
      return new Line(plotFont(), text.length());
    }
  }

  /** The vertical measures of one line. */
  private static final class Line extends LineMetrics {
    private final PlotFont font;
    private final int characters;

    Line(PlotFont font, int characters) {
      this.font = font;
      this.characters = characters;
    }

    @Override
    public int getNumChars() {
      return characters;
    }

    @Override
    public float getAscent() {
      return (float) font.ascent();
    }

    @Override
    public float getDescent() {
      return (float) (font.height() - font.ascent());
    }

    @Override
    public float getLeading() {
      return 0;
    }

    @Override
    public float getHeight() {
      return (float) font.height();
    }

    @Override
    public int getBaselineIndex() {
      return Font.ROMAN_BASELINE;
    }

    @Override
    public float[] getBaselineOffsets() {
      return new float[] {0, 0, 0};
    }

    @Override
    public float getStrikethroughOffset() {
      return (float) (-font.ascent() / 3);
    }

    @Override
    public float getStrikethroughThickness() {
      return 1;
    }

    @Override
    public float getUnderlineOffset() {
      return 1;
    }

    @Override
    public float getUnderlineThickness() {
      return 1;
    }
  }
}
