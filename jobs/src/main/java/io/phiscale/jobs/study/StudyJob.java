package io.phiscale.jobs.study;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.evaluate.MinivalScoring;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.jobs.report.LearningCurve;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.study.CellOutcome.Dropped;
import io.phiscale.jobs.study.CellOutcome.Failed;
import io.phiscale.jobs.study.CellOutcome.Finished;
import io.phiscale.jobs.train.StepCalibration;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.jobs.train.TrainingListener;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Trains and evaluates the cells of a {@link StudyPlan}, the cheapest first, and writes the tables.
 * A cell is an ordinary run in {@code STUDY/NAME}: started again, a study resumes the cells it was
 * in and trains no finished one. A cell that fails does not stop the others.
 */
public final class StudyJob {
  private static final String POOL = "spark.scheduler.pool";

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration all of it
   */
  public StudyJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /**
   * What a study gives.
   *
   * @param outcomes of all cells, in the order of the plan
   * @param report the table of those that are finished; empty if there are none
   * @param comparison of its settings with each other
   * @param page where the HTML page lies; empty if there is no report
   */
  public record Result(
      List<CellOutcome> outcomes,
      Optional<EvaluationReport> report,
      SettingTable comparison,
      Optional<URI> page) {
    public Result {
      outcomes = List.copyOf(outcomes);
    }

    /** The cells that failed. */
    public List<Failed> failures() {
      return outcomes.stream().filter(Failed.class::isInstance).map(Failed.class::cast).toList();
    }
  }

  /**
   * What a study would do.
   *
   * @param plan its cells
   * @param states of what there is of each, in the order of the plan
   * @param calibration what its hours are estimated by
   * @param concurrent cells at a time that there is room for, at least 1
   */
  public record Forecast(
      StudyPlan plan, List<CellState> states, StudyCalibration calibration, int concurrent) {
    public Forecast {
      states = List.copyOf(states);
    }
  }

  /**
   * Lays out the study, looks what there is of it, and times a few training steps of its smallest
   * network and of the largest of each axis. Writes nothing.
   *
   * @throws ConfigurationException if the study cannot be, as {@link StudyPlan#of} says
   * @throws IOException if shards or runs cannot be read
   */
  public Forecast forecast() throws IOException {
    ShardManifest manifest = manifest();
    StudyPlan plan = StudyPlan.of(configuration, manifest);
    return new Forecast(
        plan,
        states(plan, manifest),
        StudyCalibration.measure(session, plan, configuration.study().calibrationSteps()),
        Math.max(1, Math.min(concurrent(), room())));
  }

  /**
   * Runs the cells and writes the tables, which have what finished.
   *
   * @param listener hears of it
   * @throws ConfigurationException if the study cannot be; before anything is trained
   * @throws InterruptedException if it is told to stop; finished cells stay
   */
  public Result run(StudyListener listener) throws IOException, InterruptedException {
    ShardManifest manifest = manifest();
    StudyPlan plan = StudyPlan.of(configuration, manifest);
    // Refuses folders that hold something else, before hours are spent on the others.
    states(plan, manifest);
    List<StudyCell> order = plan.byCost();
    listener.planned(order);
    List<CellOutcome> outcomes =
        configuration.study().search().keep() < 1
            ? halved(order, listener)
            : outcomes(order, listener);
    requireAny(outcomes);
    List<CellOutcome> sorted = new ArrayList<>(outcomes);
    sorted.sort(Comparator.comparingInt(outcome -> plan.cells().indexOf(outcome.cell())));
    return tables(sorted, manifest);
  }

  private ShardManifest manifest() throws IOException {
    return ShardManifest.read(
        storage,
        Storage.uri(configuration.data().shards().toString()),
        configuration.data().version());
  }

  private List<CellState> states(StudyPlan plan, ShardManifest manifest) throws IOException {
    List<CellState> states = new ArrayList<>();
    for (StudyCell cell : plan.cells()) {
      states.add(StudyPlan.state(storage, cell, manifest.contentDigest()));
    }
    return states;
  }

  private int concurrent() {
    int asked = configuration.study().concurrent();
    return asked > 0 ? asked : Math.max(1, room());
  }

  /** Cells whose workers can all run at the same time. */
  private int room() {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    return StepCalibration.slots(spark) / configuration.train().workers();
  }

  /** Successive halving: at each budget the constants that were best at the one before. */
  private List<CellOutcome> halved(List<StudyCell> order, StudyListener listener)
      throws InterruptedException {
    Map<String, List<StudyCell>> budgets = new LinkedHashMap<>();
    order.forEach(
        cell -> budgets.computeIfAbsent(cell.conditions(), all -> new ArrayList<>()).add(cell));
    List<CellOutcome> outcomes = new ArrayList<>();
    Set<NetworkSection.Coefficients> left =
        order.stream().map(StudyCell::constants).collect(Collectors.toSet());
    for (List<StudyCell> cells : budgets.values()) {
      List<StudyCell> trained = new ArrayList<>();
      for (StudyCell cell : cells) {
        if (left.contains(cell.constants())) {
          trained.add(cell);
        } else {
          outcomes.add(new Dropped(cell));
          listener.ended(new Dropped(cell));
        }
      }
      List<CellOutcome> now = outcomes(trained, listener);
      outcomes.addAll(now);
      left = SettingTable.of(finished(now)).best(configuration.study().search().keep());
    }
    return outcomes;
  }

  private static List<Finished> finished(List<CellOutcome> outcomes) {
    return outcomes.stream().filter(Finished.class::isInstance).map(Finished.class::cast).toList();
  }

  private List<CellOutcome> outcomes(List<StudyCell> order, StudyListener listener)
      throws InterruptedException {
    ExecutorService threads =
        Executors.newFixedThreadPool(
            concurrent(),
            work -> {
              Thread thread = new Thread(work, "phiscale-cell");
              thread.setDaemon(true);
              return thread;
            });
    try {
      List<Future<CellOutcome>> running = new ArrayList<>();
      for (StudyCell cell : order) {
        running.add(threads.submit(() -> outcome(cell, listener)));
      }
      List<CellOutcome> outcomes = new ArrayList<>();
      for (Future<CellOutcome> cell : running) {
        outcomes.add(cell.get());
      }
      return outcomes;
    } catch (ExecutionException e) {
      // No cell's own failure: those are outcomes.
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      if (e.getCause() instanceof InterruptedException interrupted) {
        throw interrupted;
      }
      throw new IllegalStateException("The study cannot go on", e.getCause());
    } finally {
      threads.shutdownNow();
    }
  }

  private CellOutcome outcome(StudyCell cell, StudyListener listener) throws InterruptedException {
    SparkContext spark = session.sparkContext();
    spark.setLocalProperty(POOL, cell.name());
    CellOutcome outcome;
    try {
      outcome = trained(cell, listener.started(cell));
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      if (spark.isStopped()) {
        throw new IllegalStateException("Spark's context ended in cell " + cell.name(), e);
      }
      outcome = new Failed(cell, e);
    } finally {
      spark.setLocalProperty(POOL, null);
    }
    listener.ended(outcome);
    return outcome;
  }

  private Finished trained(StudyCell cell, TrainingListener listener)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    RoundClock clock = new RoundClock();
    TrainJob.Result trained =
        new TrainJob(
                session, cell.configuration(), new MinivalScoring(session, cell.configuration()))
            .named(cell.name())
            .run(TrainingListener.all(List.of(clock, listener)));
    Evaluation evaluation =
        new EvaluateJob(session, cell.configuration())
            .evaluateUnlessDone()
            .withAxis(cell.studyAxis());
    double scoring =
        evaluation.rows().stream().mapToLong(row -> row.score().time().toMillis()).sum() / 1e3;
    double all = (System.nanoTime() - began) / 1e9;
    return new Finished(
        cell,
        evaluation,
        ReportFiles.curve(cell.name(), trained.metrics()),
        Duration.ofMillis(Math.round(1e3 * Math.max(0, all - clock.seconds - scoring))));
  }

  /** How long the rounds took that were trained now. */
  private static final class RoundClock implements TrainingListener {
    private double seconds;

    @Override
    public void completed(RoundMetrics round) {
      seconds += round.seconds();
    }
  }

  /** A configuration under which no cell can be trained is the configuration's fault. */
  private static void requireAny(List<CellOutcome> outcomes) {
    if (!outcomes.isEmpty()
        && outcomes.stream().allMatch(Failed.class::isInstance)
        && ((Failed) outcomes.get(0)).cause() instanceof ConfigurationException problem) {
      throw problem;
    }
  }

  private Result tables(List<CellOutcome> outcomes, ShardManifest manifest) throws IOException {
    URI output = Storage.uri(configuration.study().output().toString());
    List<Finished> finished = finished(outcomes);
    SettingTable settings = SettingTable.of(finished);
    Map<String, String> files = new LinkedHashMap<>();
    files.put("cells.csv", CellTable.csv(outcomes));
    files.put("settings.csv", settings.toCsv());
    files.put("settings.md", settings.toMarkdown());
    if (!configuration.study().search().isEmpty() && !finished.isEmpty()) {
      files.put("ranking.csv", settings.rankingCsv());
      files.put("scaling.conf", settings.scalingConf(configuration.name()));
    }
    for (Map.Entry<String, String> file : files.entrySet()) {
      storage.writeUtf8Atomically(Storage.resolve(output, file.getKey()), file.getValue());
    }
    if (finished.isEmpty()) {
      return new Result(outcomes, Optional.empty(), settings, Optional.empty());
    }
    List<LearningCurve> curves = finished.stream().map(Finished::curve).toList();
    EvaluationReport report =
        ReportFiles.report(
            configuration,
            manifest.contentDigest(),
            Evaluation.of(finished.stream().map(Finished::evaluation).toList()),
            curves);
    return new Result(
        outcomes,
        Optional.of(report),
        settings,
        Optional.of(ReportFiles.write(storage, output, report)));
  }
}
