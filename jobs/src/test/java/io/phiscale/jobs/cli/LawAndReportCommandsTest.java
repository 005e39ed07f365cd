package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code phiscale law} and {@code phiscale report} on tables of others. */
class LawAndReportCommandsTest {
  /** A law with exponent 0.4 and floor 0.2 over sizes that grow with φ. */
  private static String table(int networks) {
    StringBuilder csv = new StringBuilder("model,top1_err,macs,phi,train_images,classes\n");
    for (int phi = 0; phi < networks; phi++) {
      double error = 100 * (0.2 + 0.3 * Math.pow(2, -0.4 * phi));
      csv.append("phi-%d,%s,%d,%d,1000000,1000%n".formatted(phi, error, 100_000_000L << phi, phi));
    }
    return csv.toString();
  }

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    PrintWriter outWriter = new PrintWriter(out, true);
    PrintWriter errWriter = new PrintWriter(err, true);
    return new Phiscale(
            () -> {
              throw new AssertionError("no job");
            },
            new Console(outWriter, errWriter, Console.Terminal.PLAIN))
        .execute(outWriter, errWriter, args);
  }

  private String file(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text).toString();
  }

  @Test
  void aTableGivesItsLawAndWhatABudgetTrains() throws IOException {
    assertThat(
            run(
                "law",
                "--table",
                file("t.csv", table(7)),
                "--form",
                "m2",
                "--budget",
                "6.79e15",
                "--output",
                folder.resolve("law").toString()))
        .isZero();
    assertThat(out.toString().replaceAll("\\s+", " "))
        .contains("Law over multiply-adds (all 7 networks): M2")
        .contains("a = 0.4 [")
        .contains("floor = 0.2 [")
        .contains(
            "No law over parameters (all 7 networks): the table does not say how many each network"
                + " has.")
        .contains("No law over training images")
        .contains("phi = 3.5 can be trained; expected error 31.37%");
    assertThat(folder.resolve("law/law.csv")).exists();
    assertThat(folder.resolve("law/law.json")).exists();
    assertThat(folder.resolve("law/plots/law.svg")).exists();
    assertThat(folder.resolve("law/plots/law.png")).exists();
  }

  @Test
  void tooFewNetworksAreAFailureThatSaysWhy() throws IOException {
    String table = file("t.csv", table(3));
    assertThat(run("law", "--table", table)).isEqualTo(Phiscale.FAILURE);
    assertThat(out.toString().replaceAll("\\s+", " "))
        .contains(": too few points. M1 (")
        .containsOnlyOnce("needs networks of at least 4 different sizes to say anything; over ")
        .contains(" there are 3, over ");
    assertThat(run("law", "--table", table, "--budget", "1e15")).isEqualTo(Phiscale.FAILURE);
    assertThat(err.toString())
        .startsWith("phiscale law: Cannot say what is best for 1.000e+15 FLOPs: Cannot fit M1");
  }

  @Test
  void badOptionsAndTablesAreNamed() throws IOException {
    String table = file("t.csv", table(7));
    assertThat(run("law", "--table", table, "--form", "m9")).isEqualTo(Phiscale.USAGE);
    assertThat(run("law", "--table", table, "--classes", "1")).isEqualTo(Phiscale.USAGE);
    assertThat(run("law", "--table", table, "--budget", "-1")).isEqualTo(Phiscale.USAGE);
    assertThat(run("law", "--table", file("u.csv", "a,b\n1,2\n"))).isEqualTo(Phiscale.FAILURE);
    assertThat(run("law", "--table", folder + "/none.csv")).isEqualTo(Phiscale.FAILURE);
    assertThat(run("report", folder + "/a", folder + "/b")).isEqualTo(Phiscale.FAILURE);
    assertThat(err.toString().replace(folder + "/", "").lines())
        .satisfiesExactly(
            line ->
                assertThat(line)
                    .contains(
                        "Invalid value for option '--form': m9 (must be auto, m1, m2, m3, m4)"),
            line ->
                assertThat(line).contains("Invalid value for option '--classes': 1 (must be > 1)"),
            line ->
                assertThat(line).contains("Invalid budget: -1.0 FLOPs (must be > 0 and finite)"),
            line ->
                assertThat(line).contains("Cannot use u.csv: it has no column model (has a, b)"),
            line -> assertThat(line).contains("none.csv"),
            line ->
                assertThat(line)
                    .contains(
                        "No report in a: it has no report.csv (study and evaluate write it)"));
  }

  @Test
  void twoReportsBecomeOnePage() throws IOException {
    String csv =
        """
        model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation,phi,phi_kind,\
        width,depth,parameters,macs,weights,images,classes,top1_low,top1_high,loss,train_images,\
        epochs,seed,train_seconds,eval_seconds,train_images_per_second,checkpoint
        phi-0,%s,26,98,2,0.3,28,0.875,bicubic,0,compound,1,1,312458,4812416,raw,1000,10,71,76,0.71,\
        40000,8,17,31,0.8,1290,file:/a
        """;
    file("a/report.csv", csv.formatted("74"));
    file("b/report.csv", csv.formatted("79"));
    file("a/provenance.json", "{\"title\": \"a\", \"provenance\": {\"train.epochs\": \"8\"}}");
    file("b/provenance.json", "{\"title\": \"b\", \"provenance\": {\"train.epochs\": \"9\"}}");
    Path page = folder.resolve("page.html");
    assertThat(run("report", folder + "/a", folder + "/b/", "--output", page.toString())).isZero();
    assertThat(out.toString()).contains("+5.00").contains("Comparison: " + page);
    assertThat(Files.readString(page))
        .contains("train.epochs")
        .contains("/b is 5.00 points better");
  }
}
