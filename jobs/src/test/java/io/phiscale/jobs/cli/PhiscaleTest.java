package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.SampleJob;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PhiscaleTest {
  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Recorder recorder = new Recorder();
  private String file;

  /** Remembers what was called, and throws what it is told to. */
  private static final class Recorder implements JobRunner {
    private final List<String> calls = new ArrayList<>();
    private PhiscaleConfiguration last;
    private Throwable failure;
    private int made;

    private void record(String job, PhiscaleConfiguration configuration, Console console)
        throws Exception {
      calls.add(job);
      last = configuration;
      console.print(job + " done");
      if (failure instanceof Exception exception) {
        throw exception;
      }
      if (failure instanceof Error error) {
        throw error;
      }
    }

    @Override
    public void shard(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("shard", configuration, console);
    }

    @Override
    public void addShards(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("add shards", configuration, console);
    }

    @Override
    public void showDataset(PhiscaleConfiguration configuration, int classes, Console console)
        throws Exception {
      record("show " + classes, configuration, console);
    }

    @Override
    public void verifyDataset(PhiscaleConfiguration configuration, Console console)
        throws Exception {
      record("verify", configuration, console);
    }

    @Override
    public void sampleDataset(
        PhiscaleConfiguration configuration,
        SampleJob.Request request,
        String output,
        Console console)
        throws Exception {
      record("sample " + request + " to " + output, configuration, console);
    }

    @Override
    public void exportDataset(PhiscaleConfiguration configuration, String output, Console console)
        throws Exception {
      record("export to " + output, configuration, console);
    }

    @Override
    public void train(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("train", configuration, console);
    }

    @Override
    public void evaluate(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("evaluate", configuration, console);
    }

    @Override
    public void study(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("study", configuration, console);
    }

    @Override
    public void forecastStudy(PhiscaleConfiguration configuration, Console console)
        throws Exception {
      record("forecast study", configuration, console);
    }

    @Override
    public void doctor(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("doctor", configuration, console);
    }

    @Override
    public void quickstart(PhiscaleConfiguration configuration, Console console) throws Exception {
      record("quickstart", configuration, console);
    }
  }

  @BeforeEach
  void configuration() throws IOException {
    Path path = folder.resolve("a.conf");
    Files.writeString(path, "name = mine\ndata.source.train = images\n");
    file = path.toString();
  }

  private int run(String... args) {
    PrintWriter outWriter = new PrintWriter(out, true);
    PrintWriter errWriter = new PrintWriter(err, true);
    Phiscale phiscale =
        new Phiscale(
            () -> {
              recorder.made++;
              return recorder;
            },
            new Console(outWriter, errWriter, Console.Terminal.PLAIN));
    return phiscale.execute(outWriter, errWriter, args);
  }

  private List<String> errors() {
    return err.toString().replace(folder + "/", "").lines().toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"shard", "train", "evaluate", "study"})
  void commandsCallTheirJobWithTheLayeredConfiguration(String command) {
    assertThat(run(command, "--config", file, "--set", "train.seed=7", "--set", "network.phi=1"))
        .isEqualTo(Phiscale.SUCCESS);

    assertThat(recorder.calls).containsExactly(command);
    assertThat(recorder.last.name()).isEqualTo("mine");
    assertThat(recorder.last.train().seed()).isEqualTo(7);
    assertThat(recorder.last.network().scaling()).isEqualTo(new NetworkSection.Scaling.Compound(1));
    assertThat(out.toString()).isEqualTo(command + " done\n");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void aStudyCanBeForecast() {
    assertThat(run("study", "--config", file, "--dry-run")).isZero();

    assertThat(recorder.calls).containsExactly("forecast study");
  }

  @Test
  void quickstartWritesBelowOneFolder() {
    assertThat(run("quickstart", "--config", file, "--output", folder + "/q/")).isZero();

    assertThat(recorder.calls).containsExactly("quickstart");
    assertThat(recorder.last.data().shards().getPath()).isEqualTo(folder + "/q/shards");
    assertThat(recorder.last.train().output().getPath()).isEqualTo(folder + "/q/train");
    assertThat(recorder.last.evaluate().output().getPath()).isEqualTo(folder + "/q/evaluation");
    assertThat(recorder.last.study().output().getPath()).isEqualTo(folder + "/q/study");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "train --config FILE --st a=b @ phiscale train: Unknown options: '--st', 'a=b' (did you mean --set?) (see phiscale train --help)",
        "train @ phiscale train: Missing required option: '--config=FILE' (see phiscale train --help)",
        "train --config @ phiscale train: Missing required parameter for option '--config' (FILE) (see phiscale train --help)",
        "trian @ phiscale: Unmatched argument at index 0: 'trian' (did you mean train?) (see phiscale --help)",
        "train --config FILE --frobnicate @ phiscale train: Unknown option: '--frobnicate' (see phiscale train --help)",
        "'' @ phiscale: Missing command: one of quickstart, shard, dataset, train, evaluate, study, report, law, summary, doctor, bench, convert, checkpoints (see phiscale --help)",
        "train --config no/such.conf @ phiscale train: Cannot read configuration no/such.conf: no such file",
        "train --config FILE --set train.epoch=1 @ phiscale train: --set: Unknown key train.epoch (did you mean train.epochs?)",
        "train --config FILE --set train.epochs=0 --set train.learning-rate.warmup-epochs=0 @ phiscale train: --set: Invalid train.epochs: 0 (must be > 0)",
        "shard --config FILE --set data.source.train=null @ phiscale shard: Missing data.source.train: set it to the folder or tar of the training images",
        "summary @ phiscale summary: Missing required argument (specify one of these): (--model=VARIANT | --phi=NUMBER) (see phiscale summary --help)",
        "summary --model b0 --phi 1 @ phiscale summary: --model=VARIANT, --phi=NUMBER are mutually exclusive (specify only one) (see phiscale summary --help)",
        "summary --model b9 @ phiscale summary: Invalid EfficientNet variant: b9 (must be one of b0, b1, b2, b3, b4, b5, b6, b7) (see phiscale summary --help)",
        "summary --phi two @ phiscale summary: Invalid value for option '--phi': 'two' is not a double (see phiscale summary --help)",
        "summary --model b0 --batch 0 @ phiscale summary: Invalid batch size: 0 (must be > 0) (see phiscale summary --help)",
        "bench step --freeze all @ phiscale bench: Invalid freeze: all (must be none or features) (see phiscale bench --help)",
        "bench eval --freeze features @ phiscale bench: Invalid freeze: features (eval trains nothing) (see phiscale bench --help)",
        "summary --model b0 --freeze all @ phiscale summary: Invalid value for option '--freeze': all (must be none or features) (see phiscale summary --help)",
        "bench eval --precision fp8 @ phiscale bench: Invalid precision: fp8 (must be fp32 or bf16) (see phiscale bench --help)",
        "bench step --precision bf8 @ phiscale bench: Invalid precision: bf8 (must be fp32 or bf16) (see phiscale bench --help)",
        "bench eval --precision bf16 --kernels nd4j @ phiscale bench: Cannot measure with --precision bf16: kernels nd4j compute an inference in fp32 only (see phiscale bench --help)",
        "bench @ phiscale bench: Missing mode: step or eval, or the command averaging, loader or evaluate (see phiscale bench --help)",
        "bench averaging --trainers dl4,dl4j @ phiscale bench averaging: Invalid trainer: dl4 (must be one of phiscale, phiscale-dl4j, dl4j) (see phiscale bench averaging --help)",
        "bench averaging --workers 2,0 @ phiscale bench averaging: Invalid workers: 0 (must be > 0) (see phiscale bench averaging --help)",
        "bench averaging --optimizer-slots 3 @ phiscale bench averaging: Invalid optimizer slots: 3 (must be 0, 1 or 2) (see phiscale bench averaging --help)",
        "bench averaging --wires fp8 @ phiscale bench averaging: Invalid wire: fp8 (must be one of fp32, fp16, bf16, int8) (see phiscale bench averaging --help)",
        "bench averaging --wires fp16 --trainers dl4j @ phiscale bench averaging: Invalid wire: fp16 (must be fp32 with dl4j) (see phiscale bench averaging --help)",
        "bench evaluate @ phiscale bench evaluate: Missing required option: '--config=FILE' (see phiscale bench evaluate --help)",
        "bench evaluate --config a.conf --turns 0 @ phiscale bench evaluate: Invalid number of turns: 0 (must be > 0) (see phiscale bench evaluate --help)",
        "bench fly @ phiscale bench: Invalid mode: fly (must be step or eval) (see phiscale bench --help)",
        "bench step --batch 0 @ phiscale bench: Invalid batch size: 0 (must be > 0) (see phiscale bench --help)",
        "bench step --steps 0 @ phiscale bench: Invalid number of steps: 0 (must be > 0) (see phiscale bench --help)",
        "bench eval --threads 0 @ phiscale bench: Invalid number of threads: 0 (must be > 0) (see phiscale bench --help)",
        "bench eval --resolution -1 @ phiscale bench: Invalid resolution in pixels: -1 (must be > 0) (see phiscale bench --help)",
        "bench eval --model c1 @ phiscale bench: Invalid EfficientNet variant: c1 (must be one of b0, b1, b2, b3, b4, b5, b6, b7) (see phiscale bench --help)",
        "bench eval --kernels cuda @ phiscale bench: Invalid kernels: cuda (must be one of [auto, onednn, nd4j]) (see phiscale bench --help)",
        "bench step --profil @ phiscale bench: Unknown option: '--profil' (did you mean --profile?) (see phiscale bench --help)",
        "summary --phi 1 --base b0 @ phiscale summary: Invalid value for option '--base': b0 (must be efficientnet-b0 or tiny) (see phiscale summary --help)",
      },
      quoteCharacter = '`')
  void usageErrorsAreOneLineAndExitWithTwo(String line, String expected) {
    String[] args = line.equals("''") ? new String[0] : line.replace("FILE", file).split(" ", -1);

    assertThat(run(args)).isEqualTo(Phiscale.USAGE);

    assertThat(errors()).containsExactly(expected);
    assertThat(recorder.made).isZero();
  }

  @Test
  void benchPrintsALineAndAProfileWithoutAJob() {
    assertThat(
            run(
                "bench",
                "eval",
                "--resolution",
                "32",
                "--batch",
                "2",
                "--steps",
                "1",
                "--threads",
                "1",
                "--classes",
                "10",
                "--profile"))
        .isEqualTo(Phiscale.SUCCESS);

    List<String> lines = out.toString().lines().toList();
    assertThat(lines.get(0))
        .startsWith("phiscale efficientnet-b0 eval batch=2 res=32 ")
        .contains(" threads=1: ", " images/s (median step ", " s), peak RSS ");
    assertThat(lines.get(1)).startsWith("part of a step");
    assertThat(lines.get(lines.size() - 1)).startsWith("mean step");
    assertThat(recorder.made).isZero();
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void everyProblemOfAConfigurationHasItsLine() {
    assertThat(run("train", "--config", file, "--set", "x=1", "--set", "train.workers=0"))
        .isEqualTo(Phiscale.USAGE);

    assertThat(errors())
        .containsExactlyInAnyOrder(
            "phiscale train: --set: Unknown key x (did you mean name?)",
            "phiscale train: --set: Invalid train.workers: 0 (must be > 0)");
  }

  @Test
  void failuresAreOneLineAndExitWithOne() {
    recorder.failure =
        new IOException("Cannot read s3a://bucket/x", new IOException("403 Forbidden"));

    assertThat(run("train", "--config", file)).isEqualTo(Phiscale.FAILURE);

    assertThat(errors())
        .containsExactly("phiscale train: Cannot read s3a://bucket/x: 403 Forbidden");
  }

  @Test
  void errorsOfTheMachineAreFailuresToo() {
    recorder.failure = new OutOfMemoryError("Java heap space");

    assertThat(run("train", "--config", file)).isEqualTo(Phiscale.FAILURE);

    assertThat(errors())
        .containsExactly(
            "phiscale train: Out of memory: Java heap space (PHISCALE_HEAP sets the heap, 4g unless set)");
  }

  @Test
  void aJobMayFindThatTheConfigurationDoesNotFitTheData() {
    recorder.failure = new ConfigurationException("Invalid evaluate.top-k: [5] (must be <= 3)");

    assertThat(run("evaluate", "--config", file)).isEqualTo(Phiscale.USAGE);

    assertThat(errors())
        .containsExactly("phiscale evaluate: Invalid evaluate.top-k: [5] (must be <= 3)");
  }

  @Test
  void stackTracesAreShownOnlyWhenAsked() {
    recorder.failure = new IllegalStateException("no");

    assertThat(run("train", "--config", file, "--verbose")).isEqualTo(Phiscale.FAILURE);
    assertThat(errors()).startsWith("phiscale train: no").hasSizeGreaterThan(3);
    assertThat(err.toString()).contains("java.lang.IllegalStateException: no", "\tat ");
  }

  @Test
  void summaryNeedsNoJobs() {
    assertThat(run("summary", "--model", "b0")).isZero();
    assertThat(out.toString()).contains("5,288,548", "385,814,752");
    assertThat(recorder.made).isZero();
  }

  @Test
  void summaryKnowsPhiResolutionClassesAndFreezing() {
    assertThat(
            run(
                "summary",
                "--model",
                "b0",
                "--classes",
                "3",
                "--batch",
                "32",
                "--freeze",
                "features"))
        .isZero();
    // torchvision's efficientnet_b0 with a head of three classes and frozen features.
    assertThat(out.toString()).contains("4,011,391", "3,843", "4,007,548");

    assertThat(run("summary", "--phi", "0", "--resolution", "448")).isZero();
    assertThat(out.toString()).contains("1,537,537,408");

    assertThat(run("summary", "--phi", "1", "--base", "tiny", "--classes", "10")).isZero();
    assertThat(out.toString()).contains("tiny-phi1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "quickstart",
        "shard",
        "train",
        "evaluate",
        "study",
        "summary",
        "convert",
        "checkpoints"
      })
  void helpDescribesTheOptionsWithAnExampleAndExitCodes(String command) {
    assertThat(run(command, "--help")).isZero();

    assertThat(out.toString())
        .contains("Usage: phiscale " + command)
        .containsPattern("Examples?:\\R  phiscale " + command + " ")
        .contains("--verbose", "--help", "Exit codes:")
        .containsPattern("2 +usage: unknown option or key");
    assertThat(recorder.made).isZero();
    assertThat(err.toString()).isEmpty();
  }

  /** No description is broken in the middle of a line and of a sentence. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "quickstart",
        "shard",
        "dataset",
        "train",
        "evaluate",
        "study",
        "report",
        "law",
        "summary",
        "doctor",
        "bench",
        "bench averaging",
        "bench loader",
        "bench evaluate",
        "convert",
        "checkpoints",
        "checkpoints list",
        "checkpoints verify",
        "checkpoints average"
      })
  void linesOfHelpAreFullOrEndASentence(String command) {
    assertThat(run((command + " --help").split(" ", -1))).isZero();
    String[] lines = out.toString().split("\\R", -1);
    for (int i = 1; i < lines.length; i++) {
      assertThat(lines[i].length()).as(lines[i]).isLessThanOrEqualTo(100);
      int indent = lines[i].length() - lines[i].stripLeading().length();
      if (indent >= 20
          && lines[i - 1].length() > indent
          && lines[i - 1].strip().contains(" ")
          && !lines[i - 1].matches(".*[.;:]")) {
        String first = lines[i].strip().split(" ", -1)[0];
        assertThat(lines[i - 1].length() + 1 + first.length())
            .as("%s%n%s", lines[i - 1], lines[i])
            .isGreaterThanOrEqualTo(100);
      }
    }
  }

  @Test
  void helpListsTheCommands() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString())
        .contains(
            "quickstart", "shard", "train", "evaluate", "study", "summary", "convert", "Examples:");
  }

  @Test
  void versionIsOneLine() {
    assertThat(run("--version")).isZero();
    assertThat(out.toString()).matches("phiscale \\S+ \\(commit \\S+, Java 17\\S*\\)\\R");
  }

  @Test
  void shardsAreAddedWhereThatIsAskedFor() {
    assertThat(run("shard", "--config", file, "--increment", "--set", "data.source.train=/x"))
        .isZero();
    assertThat(recorder.calls).containsExactly("add shards");
  }

  @Test
  void datasetHasActions() {
    assertThat(run("dataset", "show", "--config", file, "--classes", "7")).isZero();
    assertThat(run("dataset", "verify", "--config", file)).isZero();
    assertThat(run("dataset", "sample", "--config", file, "--split", "val", "--output", "a.html"))
        .isZero();
    assertThat(recorder.calls)
        .containsExactly(
            "show 7",
            "verify",
            "sample Request[split=val, perClass=8, classes=30, seed=0, show=STORED] to a.html");
    recorder.calls.clear();
    assertThat(run("dataset", "export", "--config", file, "--output", "s3a://b/wds")).isZero();
    assertThat(recorder.calls).containsExactly("export to s3a://b/wds");
    assertThat(run("dataset", "export", "--config", file)).isEqualTo(2);
    assertThat(err.toString()).contains("Missing option --output: the folder to export to");
    assertThat(run("dataset", "export", "--config", file, "--output", "x", "--format", "zip"))
        .isEqualTo(2);
    assertThat(err.toString())
        .contains("Invalid value for option '--format': zip (must be webdataset)");
    assertThat(run("dataset", "look", "--config", file)).isEqualTo(2);
    assertThat(err.toString()).contains("'look'").contains("show, verify, sample, export");
    assertThat(run("dataset", "sample", "--config", file, "--augmented")).isZero();
    assertThat(recorder.calls.get(recorder.calls.size() - 1))
        .startsWith(
            "sample Request[split=train, perClass=2, classes=30, seed=0, show=AUGMENTED] to ");
    assertThat(run("dataset", "sample", "--config", file, "--augmented", "--split", "val"))
        .isEqualTo(2);
    assertThat(err.toString()).contains("(must be train with --augmented");
    assertThat(run("dataset", "sample", "--config", file, "--per-class", "0")).isEqualTo(2);
    assertThat(err.toString()).contains("Invalid value for option '--per-class': 0 (must be > 0)");
  }
}
