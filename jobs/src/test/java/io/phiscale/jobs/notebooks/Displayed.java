package io.phiscale.jobs.notebooks;

import java.util.ArrayList;
import java.util.List;

/**
 * What cells of a notebook have displayed: stands in for the {@code display} of a Jupyter kernel.
 */
public final class Displayed {
  private static final List<Displayed> ALL = new ArrayList<>();

  private final String mimeType;
  private final String content;

  private Displayed(String mimeType, String content) {
    this.mimeType = mimeType;
    this.content = content;
  }

  /** Keeps what a cell shows. */
  public static void add(String mimeType, Object content) {
    ALL.add(new Displayed(mimeType, String.valueOf(content)));
  }

  /** All since the last call, in order. */
  static List<Displayed> take() {
    List<Displayed> taken = List.copyOf(ALL);
    ALL.clear();
    return taken;
  }

  String mimeType() {
    return mimeType;
  }

  String content() {
    return content;
  }
}
