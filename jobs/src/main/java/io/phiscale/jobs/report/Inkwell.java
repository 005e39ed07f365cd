package io.phiscale.jobs.report;

import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Hands out colours that exist only to be recognised in the finished drawing: each stands for an
 * ink and, on a mark, for the sentence that explains it.
 */
final class Inkwell {
  /** Far from the named colours that an SVG writer would spell out. */
  private static final int FIRST_RGB = 0x10203;

  private final List<Meaning> meanings = new ArrayList<>();

  /**
   * What a colour stands for.
   *
   * @param ink its role
   * @param explanation what the mark says when pointed at
   */
  record Meaning(Ink ink, Optional<String> explanation) {}

  Color of(Ink ink) {
    return add(new Meaning(ink, Optional.empty()));
  }

  Color mark(Ink ink, String explanation) {
    return add(new Meaning(ink, Optional.of(explanation)));
  }

  private Color add(Meaning meaning) {
    int known = meanings.indexOf(meaning);
    if (known < 0) {
      known = meanings.size();
      meanings.add(meaning);
    }
    return new Color(FIRST_RGB + known);
  }

  /** The meaning of {@code rgb(r,g,b)}; empty for a colour that is not from here. */
  Optional<Meaning> meaning(int red, int green, int blue) {
    int index = (red << 16 | green << 8 | blue) - FIRST_RGB;
    return index >= 0 && index < meanings.size()
        ? Optional.of(meanings.get(index))
        : Optional.empty();
  }
}
