package io.phiscale.jobs.report;

import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Hands out colours that exist only to be recognised in the finished drawing: each stands for an
 * ink and, on a mark, for the sentence that explains it. While pixels are drawn, where nothing can
 * be recognised afterwards, they are the colours of the light theme.
 */
final class Inkwell {
  /** Far from the named colours that an SVG writer would spell out. */
  private static final int FIRST_RGB = 0x10203;

  private static final Pattern RGB = Pattern.compile("rgb\\((\\d+),(\\d+),(\\d+)\\)");

  private final List<Meaning> meanings = new ArrayList<>();
  private boolean drawsPixels;

  /**
   * What a colour stands for.
   *
   * @param ink its role
   * @param explanation what the mark says when pointed at
   * @param fixedEnd which end of a text stays where it was laid out, whatever the viewer's font
   */
  record Meaning(Ink ink, Optional<String> explanation, FixedEnd fixedEnd) {}

  /** The end of a text that a viewer's wider or narrower font must not move. */
  enum FixedEnd {
    LEFT,
    RIGHT
  }

  Color of(Ink ink) {
    return of(ink, FixedEnd.LEFT);
  }

  Color of(Ink ink, FixedEnd fixedEnd) {
    return add(new Meaning(ink, Optional.empty(), fixedEnd));
  }

  Color mark(Ink ink, String explanation) {
    return add(new Meaning(ink, Optional.of(explanation), FixedEnd.LEFT));
  }

  private Color add(Meaning meaning) {
    int known = meanings.indexOf(meaning);
    if (known < 0) {
      known = meanings.size();
      meanings.add(meaning);
    }
    return new Stand(FIRST_RGB + known, meaning.ink());
  }

  /** Draws with the colours of the light theme. */
  void drawPixels(Runnable drawing) {
    drawsPixels = true;
    try {
      drawing.run();
    } finally {
      drawsPixels = false;
    }
  }

  /** A colour that stands for another one until pixels are drawn. */
  private final class Stand extends Color {
    private static final long serialVersionUID = 1L;

    private final transient int light;

    Stand(int rgb, Ink ink) {
      super(rgb);
      this.light = Color.decode(ink.lightColour()).getRGB();
    }

    /** All that is drawn asks for the colour here. */
    @Override
    public int getRGB() {
      return drawsPixels ? light : super.getRGB();
    }
  }

  /** The meaning of a paint such as {@code rgb(1,2,3)}; empty for one that is not from here. */
  Optional<Meaning> meaning(String paint) {
    Matcher rgb = RGB.matcher(paint);
    if (!rgb.matches()) {
      return Optional.empty();
    }
    int red = Integer.parseInt(rgb.group(1));
    int green = Integer.parseInt(rgb.group(2));
    int blue = Integer.parseInt(rgb.group(3));
    int index = (red << 16 | green << 8 | blue) - FIRST_RGB;
    return index >= 0 && index < meanings.size()
        ? Optional.of(meanings.get(index))
        : Optional.empty();
  }
}
