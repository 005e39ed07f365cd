package io.phiscale.model.weights;

/** Text of a file that is not trusted, as part of a message of one line. */
final class Printable {

  private Printable() {}

  /** ASCII without control characters, others as question marks, at most so many characters. */
  static String of(String text, int longest) {
    String cut = text.length() <= longest ? text : text.substring(0, longest) + "...";
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }

  /** {@link #of(String, int)} for the name of a tensor or a class. */
  static String name(String name) {
    return of(name, 80);
  }
}
