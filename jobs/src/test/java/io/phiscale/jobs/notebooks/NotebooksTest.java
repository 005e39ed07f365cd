package io.phiscale.jobs.notebooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.phiscale.jobs.law.LawForm;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.pipeline.storage.Storage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

/** Every cell of every notebook, in order, through JShell. */
class NotebooksTest {
  private static final Path NOTEBOOKS = Path.of("..", "notebooks");

  @TempDir Path folder;

  @AfterEach
  void forget() {
    System.clearProperty("phiscale.run");
    System.clearProperty("phiscale.table");
    Displayed.take();
  }

  private static List<Path> notebooks() throws IOException {
    try (Stream<Path> files = Files.list(NOTEBOOKS)) {
      return files.filter(file -> file.toString().endsWith(".ipynb")).sorted().toList();
    }
  }

  private static List<Element> drawings() throws Exception {
    List<Element> drawings = new ArrayList<>();
    for (Displayed shown : Displayed.take()) {
      assertThat(shown.mimeType()).isEqualTo("text/html");
      drawings.add(
          DocumentBuilderFactory.newDefaultInstance()
              .newDocumentBuilder()
              .parse(new ByteArrayInputStream(shown.content().getBytes(StandardCharsets.UTF_8)))
              .getDocumentElement());
    }
    return drawings;
  }

  private static List<String> texts(Element drawing) {
    List<String> texts = new ArrayList<>();
    var nodes = drawing.getElementsByTagName("text");
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent());
    }
    return texts;
  }

  @Test
  void notebooksAreStoredWithoutWhatTheyPrinted() throws IOException {
    assertThat(notebooks())
        .extracting(file -> file.getFileName().toString())
        .containsExactly("law.ipynb", "run.ipynb");
    for (Path file : notebooks()) {
      JsonNode notebook = new ObjectMapper().readTree(file.toFile());
      assertThat(notebook.get("nbformat").asInt()).isEqualTo(4);
      assertThat(notebook.at("/metadata/kernelspec/name").asText()).isEqualTo("phiscale");
      for (JsonNode cell : notebook.get("cells")) {
        String what = file.getFileName() + ", cell " + cell.get("id");
        assertThat(cell.get("metadata")).as(what).isEmpty();
        if (cell.get("cell_type").asText().equals("code")) {
          assertThat(cell.get("outputs")).as(what).isEmpty();
          assertThat(cell.get("execution_count").isNull()).as(what).isTrue();
        }
      }
    }
  }

  @Test
  void aRunsCurvesAndRoundsAreThoseOfItsMetrics() throws Exception {
    Storage storage = Storage.of(Map.of());
    RunDirectory run = new RunDirectory(storage, folder.toUri());
    List<RoundMetrics> rounds = new ArrayList<>();
    for (int round = 1; round <= 12; round++) {
      rounds.add(
          new RoundMetrics(
              round,
              round / 4.0,
              100L * round,
              2.5 - 0.1 * round,
              0.01,
              2,
              50,
              1.0,
              0.2,
              // As a version that did not count it wrote.
              round < 5 ? Double.NaN : 0.3,
              0.5,
              0,
              0.05 * round,
              10,
              0));
    }
    run.append(rounds.subList(0, 8));
    run.append(rounds.subList(8, 12));
    System.setProperty("phiscale.run", folder.toString());
    try (Notebook notebook = new Notebook(NOTEBOOKS.resolve("run.ipynb"))) {
      notebook.runAll();
      assertThat(notebook.value("rounds.size()")).isEqualTo("12");
      assertThat(notebook.value("epochs.get(11)")).isEqualTo("3.0");
      assertThat(notebook.value("last.images()")).isEqualTo("1200");
      assertThat(notebook.number("shares.get(\"compute\")")).isCloseTo(0.5, within(1e-12));
      assertThat(notebook.number("shares.get(\"wait for the slowest\")"))
          .isCloseTo(8 * 0.3 / 24, within(1e-12));
    }
    List<Element> drawings = drawings();
    assertThat(drawings).hasSize(5);
    assertThat(drawings.get(0).getElementsByTagName("title").item(0).getTextContent())
        .isEqualTo("Training loss");
    assertThat(texts(drawings.get(0))).contains("epochs", "training loss, nats", "1.4");
    assertThat(texts(drawings.get(3)))
        .contains("whole round", "compute", "wait for the slowest", "averaging and scheduling");
  }

  @Test
  void aTablesLawIsFoundAgain() throws Exception {
    StringBuilder csv = new StringBuilder("model,top1_err,macs,phi,train_images,classes\n");
    for (int phi = 0; phi < 7; phi++) {
      double macs = 1e8 * Math.pow(2, phi);
      double error = 20 + 15 * Math.pow(macs / 8e8, -0.4);
      csv.append(String.format("phi-%d,%s,%.0f,%d,400000000,1000%n", phi, error, macs, phi));
    }
    System.setProperty(
        "phiscale.table", Files.writeString(folder.resolve("t.csv"), csv).toString());
    try (Notebook notebook = new Notebook(NOTEBOOKS.resolve("law.ipynb"))) {
      notebook.runAll();
      assertThat(notebook.value("networks.size()")).isEqualTo("7");
      assertThat(notebook.value("law.get().form()")).isEqualTo(LawForm.OFFSET.name());
      assertThat(notebook.number("law.get().coefficient(\"a\").value()"))
          .isCloseTo(0.4, within(1e-3));
      assertThat(notebook.number("law.get().coefficient(\"floor\").value()"))
          .isCloseTo(0.2, within(1e-3));
      assertThat(notebook.value("aicc.get(LawForm.OFFSET) < aicc.get(LawForm.POWER)"))
          .isEqualTo("true");
      // 1e19 / 6 / 4e8 multiply-adds err 20 + 15 (4.1667e9 / 8e8)^-0.4 = 27.76 %.
      assertThat(notebook.value("answer")).contains("4.17 G multiply-adds").contains("27.7");
    }
    List<Element> drawings = drawings();
    assertThat(drawings).hasSize(2);
    assertThat(texts(drawings.get(0)))
        .contains("law M2", "networks", "95% low", "multiply-adds per image", "1 G");
  }

  @Test
  void tooFewNetworksAreToldWhyAndNotDrawn() throws Exception {
    System.setProperty(
        "phiscale.table",
        Files.writeString(
                folder.resolve("t.csv"), "model,top1,macs\na,50,100000000\nb,60,900000000\n")
            .toString());
    try (Notebook notebook = new Notebook(NOTEBOOKS.resolve("law.ipynb"))) {
      notebook.runAll();
      assertThat(notebook.value("law.isPresent()")).isEqualTo("false");
      assertThat(notebook.value("answer")).contains("Cannot say what is best for");
    }
    assertThat(Displayed.take()).isEmpty();
  }

  /** What the test of a notebook does with a wrong cell: without this it could not fail. */
  @Test
  void aWrongCellIsNamed() throws IOException {
    String notebook =
        """
        {"cells": [
          {"cell_type": "code", "id": "first", "source": ["int a = 1;\\n", "a + 1"]},
          {"cell_type": "code", "id": "second", "source": ["%s"]}]}
        """;
    for (String wrong :
        List.of("a.b()", "int b =", "throw new IllegalStateException(\\\"x\\\");")) {
      Path file = folder.resolve("wrong.ipynb");
      Files.writeString(file, notebook.formatted(wrong));
      try (Notebook wrongOne = new Notebook(file)) {
        assertThatThrownBy(wrongOne::runAll)
            .isInstanceOf(AssertionError.class)
            .hasMessageContaining("cell second of wrong.ipynb");
      }
    }
  }
}
