package io.phiscale.jobs.study;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * Rows of texts as CSV, as Markdown, or aligned for a terminal.
 *
 * @param head names of the columns
 * @param rows as many texts each; what is undefined is empty
 */
record TextTable(List<String> head, List<List<String>> rows) {
  private static final String GAP = "  ";

  TextTable {
    head = List.copyOf(head);
    rows = rows.stream().map(List::copyOf).toList();
    for (List<String> row : rows) {
      if (row.size() != head.size()) {
        throw new IllegalArgumentException(
            String.format("Invalid row: %s (must have %s texts)", row, head.size()));
      }
    }
  }

  /** RFC 4180. */
  String csv() {
    return lines(",", "", "\r\n", TextTable::quoted);
  }

  /** A table of GitHub-flavoured Markdown; the first column is text, the others are numbers. */
  String markdown() {
    List<String> rule = new ArrayList<>(List.of(":--"));
    while (rule.size() < head.size()) {
      rule.add("--:");
    }
    List<List<String>> body = new ArrayList<>(List.of(rule));
    body.addAll(rows);
    return new TextTable(head, body).lines(" | ", "| ", " |\n", text -> text.replace("|", "\\|"));
  }

  /** The first column to the left, the others to the right; the last line has no end. */
  String aligned() {
    List<List<String>> all = new ArrayList<>(List.of(head));
    all.addAll(rows);
    int[] widths = new int[head.size()];
    for (List<String> row : all) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : all) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? "" : GAP);
        line.append(i == 0 ? row.get(i) + padding : padding + row.get(i));
      }
      lines.add(line.toString().stripTrailing());
    }
    return String.join(System.lineSeparator(), lines);
  }

  private String lines(String separator, String before, String after, UnaryOperator<String> one) {
    List<List<String>> all = new ArrayList<>(List.of(head));
    all.addAll(rows);
    return all.stream()
        .map(row -> row.stream().map(one).collect(Collectors.joining(separator, before, after)))
        .collect(Collectors.joining());
  }

  private static String quoted(String field) {
    boolean plain = field.chars().noneMatch(c -> c == ',' || c == '"' || c == '\r' || c == '\n');
    return plain ? field : '"' + field.replace("\"", "\"\"") + '"';
  }
}
