package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.ConfigurationProblem;
import io.phiscale.jobs.config.EditDistance;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Main class: {@code phiscale COMMAND}. Prints one line per error on standard error, the stack
 * trace only with {@code --verbose}, and exits with {@value #SUCCESS}, {@value #FAILURE} or {@value
 * #USAGE}.
 */
@Command(
    name = "phiscale",
    mixinStandardHelpOptions = true,
    versionProvider = VersionText.class,
    synopsisSubcommandLabel = "COMMAND",
    header = "Train, evaluate and scale image classifiers on Apache Spark.",
    synopsisHeading = "%nUsage: ",
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    usageHelpWidth = 100,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:success", "1:failure while working", "2:usage"},
    footer = {
      "%nExamples:",
      "  phiscale quickstart",
      "  phiscale summary --model b0",
      "  phiscale train --help"
    },
    subcommands = {
      QuickstartCommand.class,
      ShardCommand.class,
      DatasetCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      StudyCommand.class,
      ReportCommand.class,
      LawCommand.class,
      SummaryCommand.class,
      DoctorCommand.class,
      BenchCommand.class,
      ConvertCommand.class,
      CheckpointsCommand.class
    })
public final class Phiscale implements Runnable {
  /** The job is done and its output is whole. */
  public static final int SUCCESS = 0;

  /** The job failed. */
  public static final int FAILURE = 1;

  /** The command line or the configuration cannot be used. */
  public static final int USAGE = 2;

  private static final int MOST_TYPING_ERRORS = 3;

  private enum Trace {
    SHOWN,
    HIDDEN
  }

  private final Supplier<JobRunner> runner;
  private final Console console;
  @Spec private CommandSpec spec;

  /**
   * A command line over the given jobs.
   *
   * @param runner called once a job is about to run, so that nothing heavy is loaded before
   * @param console where jobs print
   */
  public Phiscale(Supplier<JobRunner> runner, Console console) {
    this.runner = Objects.requireNonNull(runner, "runner");
    this.console = Objects.requireNonNull(console, "console");
  }

  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    Console.Terminal terminal =
        // The launcher knows whether standard error is a terminal; Java 17 cannot tell.
        "interactive".equals(System.getProperty("phiscale.terminal"))
            ? Console.Terminal.INTERACTIVE
            : Console.Terminal.PLAIN;
    Supplier<JobRunner> runner =
        () ->
            ServiceLoader.load(JobRunner.class)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("No jobs on the class path"));
    int exitCode = new Phiscale(runner, new Console(out, err, terminal)).execute(out, err, args);
    out.flush();
    err.flush();
    // Not a return: threads of Spark or of a decoder must not keep a finished job alive.
    System.exit(exitCode);
  }

  /** Runs one command line and returns its exit code. */
  public int execute(PrintWriter out, PrintWriter err, String... args) {
    Trace trace = List.of(args).contains("--verbose") ? Trace.SHOWN : Trace.HIDDEN;
    CommandLine commandLine = new CommandLine(this);
    commandLine.setOut(out);
    commandLine.setErr(err);
    commandLine.setParameterExceptionHandler(
        (exception, unused) -> reportUsage(exception, err, trace));
    commandLine.setExecutionExceptionHandler(
        (exception, command, unused) ->
            reportFailure(exception, command.getCommandSpec().qualifiedName(" "), err, trace));
    try {
      return commandLine.execute(args);
    } catch (Throwable e) {
      // Errors (no memory, a native library that does not load) come past picocli's handlers.
      String name = args.length == 0 ? "phiscale" : "phiscale " + args[0];
      return reportFailure(e, name, err, trace);
    }
  }

  JobRunner runner() {
    return runner.get();
  }

  Console console() {
    return console;
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "Missing command: one of " + String.join(", ", spec.subcommands().keySet()));
  }

  private int reportUsage(ParameterException exception, PrintWriter err, Trace trace) {
    CommandLine command = exception.getCommandLine();
    String name = command.getCommandSpec().qualifiedName(" ");
    String message = exception.getMessage().replaceFirst("^Error: ", "").replaceAll("\\R\\s*", " ");
    if (exception instanceof UnmatchedArgumentException unmatched) {
      message += suggestion(unmatched.getUnmatched().get(0), command.getCommandSpec());
    }
    err.println(name + ": " + message + " (see " + name + " --help)");
    return shown(exception, err, trace, USAGE);
  }

  private int reportFailure(Throwable failure, String name, PrintWriter err, Trace trace) {
    console.clearProgress();
    int exitCode = FAILURE;
    if (failure instanceof ConfigurationException configuration) {
      for (ConfigurationProblem problem : configuration.problems()) {
        err.println(name + ": " + problem);
      }
      exitCode = USAGE;
    } else {
      err.println(name + ": " + FailureMessage.of(failure));
    }
    return shown(failure, err, trace, exitCode);
  }

  private static String suggestion(String unmatched, CommandSpec command) {
    Set<String> known =
        unmatched.startsWith("-") ? command.optionsMap().keySet() : command.subcommands().keySet();
    return known.stream()
        .filter(name -> EditDistance.between(name, unmatched) <= MOST_TYPING_ERRORS)
        .min(
            Comparator.<String>comparingInt(name -> EditDistance.between(name, unmatched))
                .thenComparing(Comparator.naturalOrder()))
        .map(name -> " (did you mean " + name + "?)")
        .orElse("");
  }

  private static int shown(Throwable failure, PrintWriter err, Trace trace, int exitCode) {
    if (trace == Trace.SHOWN) {
      failure.printStackTrace(err);
    }
    err.flush();
    return exitCode;
  }
}
