package io.phiscale.jobs.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The report as an aligned table for a terminal. */
final class ConsoleTable {
  private static final int MAXIMUM_WIDTH = 120;
  private static final String GAP = "  ";

  /** How much of a long name must be left before columns go. */
  private static final int NAME_WIDTH = 24;

  /** What a crowded table does without, the first to go first. */
  private static final List<Column> EXPENDABLE =
      List.of(Column.TRAIN_TIME, Column.LOSS, Column.WIDTH, Column.DEPTH);

  private ConsoleTable() {}

  static String of(EvaluationReport report) {
    List<Column> columns = new ArrayList<>(Column.CONSOLE);
    int[] widths = widths(report, columns);
    for (Column column : EXPENDABLE) {
      int name = Math.min(widths[0], NAME_WIDTH);
      if (width(widths) - widths[0] + name <= MAXIMUM_WIDTH) {
        break;
      }
      columns.remove(column);
      widths = widths(report, columns);
    }
    int others = width(widths) - widths[0];
    widths[0] = Math.min(widths[0], MAXIMUM_WIDTH - others);

    List<List<String>> lines = cells(report, columns);
    StringBuilder table = new StringBuilder();
    for (List<String> line : lines) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String cell = shortened(line.get(i), widths[i]);
        String padding = " ".repeat(widths[i] - cell.length());
        text.append(i == 0 ? "" : GAP)
            .append(columns.get(i).isText() ? cell + padding : padding + cell);
      }
      table.append(text.toString().stripTrailing()).append('\n');
      if (table.indexOf("\n") == table.length() - 1) {
        table.append("-".repeat(width(widths))).append('\n');
      }
    }
    for (String remark : Remarks.of(report)) {
      table.append(wrapped(ascii(remark.replaceAll("\\p{Cntrl}+", " ")))).append('\n');
    }
    report
        .law()
        .ifPresent(
            law ->
                LawWords.brief(law)
                    .forEach(line -> table.append(wrapped(ascii(line))).append('\n')));
    return table.toString();
  }

  private static List<List<String>> cells(EvaluationReport report, List<Column> columns) {
    List<List<String>> lines = new ArrayList<>();
    lines.add(columns.stream().map(column -> ascii(column.heading())).toList());
    for (NetworkResult row : report.rows()) {
      lines.add(
          columns.stream()
              .map(
                  column -> {
                    String text = column.shown().apply(row);
                    return column.isText() ? text : ascii(text);
                  })
              .toList());
    }
    return lines;
  }

  private static int[] widths(EvaluationReport report, List<Column> columns) {
    int[] widths = new int[columns.size()];
    for (List<String> line : cells(report, columns)) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], line.get(i).length());
      }
    }
    return widths;
  }

  private static int width(int[] widths) {
    return Arrays.stream(widths).sum() + GAP.length() * (widths.length - 1);
  }

  /** Keeps both ends of a name that is too long, because studies differ at either. */
  private static String shortened(String text, int width) {
    if (text.length() <= width) {
      return text;
    }
    int head = (width - 2 + 1) / 2;
    return text.substring(0, head) + ".." + text.substring(text.length() - (width - 2 - head));
  }

  /** Breaks lines at spaces, and words that are longer than a line anywhere. */
  static String wrapped(String text) {
    StringBuilder lines = new StringBuilder();
    String rest = text.strip();
    while (rest.length() > MAXIMUM_WIDTH) {
      int space = rest.lastIndexOf(' ', MAXIMUM_WIDTH);
      int end = space > 0 ? space : MAXIMUM_WIDTH;
      lines.append(rest, 0, end).append('\n');
      rest = rest.substring(end).stripLeading();
    }
    return lines.append(rest).toString();
  }

  /** A terminal in the C locale shows question marks for these. */
  static String ascii(String text) {
    return text.replace("φ", "phi")
        .replace("α", "alpha")
        .replace("β", "beta")
        .replace("γ", "gamma")
        .replace("ε∞", "floor")
        .replace("ε₀", "chance")
        .replace("ε", "error")
        .replace("·", "*")
        .replace("–", "-")
        .replace("−", "-")
        .replace("×", "x");
  }
}
