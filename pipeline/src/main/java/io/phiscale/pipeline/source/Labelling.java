package io.phiscale.pipeline.source;

import java.io.IOException;
import java.util.Locale;

/** What a layout says about a path inside a collection. */
sealed interface Labelling {
  /** An image of a class. */
  record InClass(String className) implements Labelling {}

  /** Not part of the collection: a hidden file, a README. */
  record Ignored() implements Labelling {}

  /** Part of the collection, but of no class. */
  record Unlabelled(String detail) implements Labelling {}

  Ignored IGNORED = new Ignored();

  /** The rule of a layout, from a path such as {@code n01440764/n01440764_10026.JPEG}. */
  @FunctionalInterface
  interface Rule {
    Labelling of(String path);
  }

  /** Receives paths and what they are. */
  @FunctionalInterface
  interface Visitor {
    void visit(String path, Labelling labelling) throws IOException;
  }

  /** Whether a file or directory of this name is never an image. */
  static boolean isHidden(String path) {
    return path.startsWith(".") || path.contains("/.");
  }

  /** Whether a file of this name accompanies images. */
  static boolean isNotice(String fileName) {
    String upper = fileName.toUpperCase(Locale.ROOT);
    return upper.startsWith("README") || upper.startsWith("LICENSE");
  }
}
