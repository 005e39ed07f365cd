package io.phiscale.jobs.notebooks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.execution.LocalExecutionControlProvider;

/**
 * A Java notebook whose cells run through JShell in this process, on its class path; close it. Like
 * in Jupyter, a cell may hold several statements, and {@code display} shows things; it is not the
 * kernel's, whose import is passed over.
 */
final class Notebook implements AutoCloseable {
  private static final String DISPLAY =
      "void display(String mimeType, Object content) { "
          + Displayed.class.getName()
          + ".add(mimeType, content); }";

  private static final String KERNEL = "import static org.rapaio.jupyter.kernel.";

  private final Path file;
  private final JsonNode json;
  private final JShell shell;

  Notebook(Path file) throws IOException {
    this.file = file;
    this.json = new ObjectMapper().readTree(file.toFile());
    this.shell =
        JShell.builder()
            .executionEngine(new LocalExecutionControlProvider(), Map.of())
            .compilerOptions("-classpath", System.getProperty("java.class.path"))
            .build();
    run("display", DISPLAY);
  }

  /** As it is stored. */
  JsonNode json() {
    return json;
  }

  /** Runs every code cell in order. */
  void runAll() {
    for (JsonNode cell : json.get("cells")) {
      if (cell.get("cell_type").asText().equals("code")) {
        List<String> lines = new ArrayList<>();
        cell.get("source").forEach(line -> lines.add(line.asText()));
        run(cell.get("id").asText(), String.join("", lines));
      }
    }
  }

  private void run(String cell, String code) {
    String rest = code;
    while (!rest.isBlank()) {
      CompletionInfo next = shell.sourceCodeAnalysis().analyzeCompletion(rest);
      assertThat(next.completeness().isComplete())
          .as("cell %s of %s is whole: %s", cell, file.getFileName(), rest)
          .isTrue();
      if (!next.source().strip().startsWith(KERNEL)) {
        for (SnippetEvent event : shell.eval(next.source())) {
          requireRun(cell, event);
        }
      }
      rest = next.remaining();
    }
  }

  private void requireRun(String cell, SnippetEvent event) {
    String place =
        String.format(
            "cell %s of %s: %s%n%s",
            cell,
            file.getFileName(),
            event.snippet().source(),
            shell.diagnostics(event.snippet()).map(d -> d.getMessage(null)).toList());
    if (event.exception() != null) {
      String thrown =
          event.exception() instanceof EvalException e
              ? e.getExceptionClassName() + ": " + e.getMessage()
              : event.exception().toString();
      throw new AssertionError(place + " " + thrown, event.exception());
    }
    assertThat(event.status()).as(place).isEqualTo(Snippet.Status.VALID);
  }

  /** The value of an expression after the cells, as JShell prints it. */
  String value(String expression) {
    List<SnippetEvent> events = shell.eval(expression);
    assertThat(events).hasSize(1);
    requireRun("(the test)", events.get(0));
    return events.get(0).value();
  }

  double number(String expression) {
    return Double.parseDouble(value(expression));
  }

  @Override
  public void close() {
    shell.close();
  }
}
