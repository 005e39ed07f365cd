package io.phiscale.jobs.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads RFC 4180 CSV with a heading; line ends may be LF alone. */
final class CsvReader {
  private final String text;
  private final String file;
  private int at;
  private int line = 1;

  private CsvReader(String text, String file) {
    this.text = text;
    this.file = file;
  }

  /**
   * Field name to value, a map for each line below the heading.
   *
   * @param file for messages
   * @throws IllegalArgumentException naming file and line, if it is no such table
   */
  static List<Map<String, String>> records(String text, String file) {
    CsvReader reader = new CsvReader(text.startsWith("\uFEFF") ? text.substring(1) : text, file);
    if (reader.text.isBlank()) {
      throw new IllegalArgumentException(String.format("Cannot read %s: it is empty", file));
    }
    List<String> names = reader.fields();
    List<Map<String, String>> records = new ArrayList<>();
    while (reader.at < reader.text.length()) {
      int begun = reader.line;
      List<String> fields = reader.fields();
      if (fields.equals(List.of(""))) {
        continue;
      }
      if (fields.size() != names.size()) {
        throw new IllegalArgumentException(
            String.format(
                "Cannot read %s, line %s: %s fields (the heading has %s)",
                file, begun, fields.size(), names.size()));
      }
      Map<String, String> record = new LinkedHashMap<>();
      for (int i = 0; i < names.size(); i++) {
        record.put(names.get(i), fields.get(i));
      }
      records.add(record);
    }
    return records;
  }

  private List<String> fields() {
    List<String> fields = new ArrayList<>();
    while (true) {
      fields.add(at < text.length() && text.charAt(at) == '"' ? quoted() : plain());
      if (at >= text.length()) {
        return fields;
      }
      char end = text.charAt(at++);
      if (end == ',') {
        continue;
      }
      if (end == '\r' && at < text.length() && text.charAt(at) == '\n') {
        at++;
      }
      line++;
      return fields;
    }
  }

  private String plain() {
    int start = at;
    while (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    return text.substring(start, at);
  }

  private String quoted() {
    int begun = line;
    StringBuilder field = new StringBuilder();
    at++;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c != '"') {
        line += c == '\n' ? 1 : 0;
        field.append(c);
      } else if (at < text.length() && text.charAt(at) == '"') {
        field.append('"');
        at++;
      } else if (at == text.length() || ",\r\n".indexOf(text.charAt(at)) >= 0) {
        return field.toString();
      } else {
        throw new IllegalArgumentException(
            String.format("Cannot read %s, line %s: text after a closing quote", file, line));
      }
    }
    throw new IllegalArgumentException(
        String.format("Cannot read %s, line %s: a quote is never closed", file, begun));
  }
}
