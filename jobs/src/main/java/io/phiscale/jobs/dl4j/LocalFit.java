package io.phiscale.jobs.dl4j;

import io.phiscale.jobs.train.Contribution;
import io.phiscale.jobs.train.Contribution.Divergence;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.RoundState;
import io.phiscale.jobs.train.SliceKey;
import io.phiscale.jobs.train.Slices;
import io.phiscale.pipeline.shard.CounterRandom;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.deeplearning4j.datasets.iterator.IteratorMultiDataSetIterator;
import org.deeplearning4j.spark.api.TrainingHook;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import scala.Tuple2;

/**
 * What one worker computes in one round: a network made from the round's state, trained on the
 * worker's objects in their order, sent in slices. A pure function, so that Spark may run it again
 * anywhere with the same result.
 *
 * @param <T> what the RDD holds
 */
final class LocalFit<T>
    implements Function2<
        Integer, Iterator<Tuple2<Long, T>>, Iterator<Tuple2<SliceKey, Contribution>>> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<Dl4jNetwork.Architecture> architecture;
  private final Broadcast<RoundState> state;
  private final ObjectReader<T> reader;
  private final Settings settings;
  private final ArrayList<TrainingHook> hooks;
  private final int iteration;
  private final int epoch;
  private final long[] objects;

  /**
   * @param architecture the network
   * @param state where the round starts from
   * @param reader of what the RDD holds
   * @param settings of the run
   * @param hooks called before and after every step
   * @param iteration updates before the round
   * @param epoch epochs before this one
   * @param objects of each worker
   */
  LocalFit(
      Broadcast<Dl4jNetwork.Architecture> architecture,
      Broadcast<RoundState> state,
      ObjectReader<T> reader,
      Settings settings,
      List<TrainingHook> hooks,
      int iteration,
      int epoch,
      long[] objects) {
    this.architecture = architecture;
    this.state = state;
    this.reader = reader;
    this.settings = settings;
    this.hooks = new ArrayList<>(hooks);
    this.iteration = iteration;
    this.epoch = epoch;
    this.objects = objects.clone();
  }

  @Override
  public Iterator<Tuple2<SliceKey, Contribution>> call(
      Integer worker, Iterator<Tuple2<Long, T>> placed) {
    if (!placed.hasNext()) {
      return Slices.report(Report.idle(worker)).iterator();
    }
    RoundState start = state.value();
    // Dropout and the like; ND4J's generator is this thread's own.
    Nd4j.getRandom().setSeed(CounterRandom.of(settings.seed(), iteration, worker).bits(0));
    Dl4jNetwork network = architecture.value().build(start, iteration, epoch);
    Report report = train(worker, network, placed);
    float[] parameters = network.parameters();
    float[] updaterState =
        settings.optimizerState() == OptimizerStatePolicy.AVERAGE
            ? network.updaterState()
            : new float[0];
    if (report.divergence() == null && !allFinite(parameters)) {
      report = diverged(report, report.steps() - 1, "parameters");
    }
    Stream<Tuple2<SliceKey, Contribution>> sent =
        report.divergence() == null
            ? Slices.of(start).contributions(report, parameters, updaterState)
            : Slices.report(report);
    return sent.iterator();
  }

  private Report train(int worker, Dl4jNetwork network, Iterator<Tuple2<Long, T>> placed) {
    long examples = 0;
    double lossSum = 0;
    long compute = 0;
    long wait = 0;
    try (ReadAhead<MultiDataSet> batches = batches(worker, placed)) {
      while (true) {
        long asked = System.nanoTime();
        Optional<MultiDataSet> next = batches.next();
        long arrived = System.nanoTime();
        wait += arrived - asked;
        if (next.isEmpty()) {
          int steps = network.iteration() - iteration;
          return new Report(worker, examples, steps, lossSum, 0, List.of(), 0, compute, wait, null);
        }
        step(network, next.get());
        compute += System.nanoTime() - arrived;
        double loss = network.score();
        int count = ObjectReader.examples(next.get());
        examples += count;
        lossSum += loss * count;
        if (!Double.isFinite(loss)) {
          int steps = network.iteration() - iteration;
          return diverged(
              new Report(worker, examples, steps, lossSum, 0, List.of(), 0, compute, wait, null),
              steps - 1,
              "loss");
        }
      }
    }
  }

  private void step(Dl4jNetwork network, MultiDataSet batch) {
    hooks.forEach(hook -> hook.preUpdate(batch, network.model()));
    network.fit(batch);
    hooks.forEach(hook -> hook.postUpdate(batch, network.model()));
  }

  /** Cuts the objects' examples into batches, ahead of the steps where reading takes time. */
  private ReadAhead<MultiDataSet> batches(int worker, Iterator<Tuple2<Long, T>> placed) {
    int batchSize = settings.evenBatchSize(objects[worker]);
    if (reader.cost() == ObjectReader.Cost.NONE || settings.prefetchBatches() == 0) {
      return new ReadAhead<>(
          new IteratorMultiDataSetIterator(new Reading<>(reader, placed), batchSize), 0);
    }
    // Spark's iterator belongs to the task's thread: what it holds are only names of files.
    List<Tuple2<Long, T>> files = new ArrayList<>();
    placed.forEachRemaining(files::add);
    return new ReadAhead<>(
        new IteratorMultiDataSetIterator(new Reading<>(reader, files.iterator()), batchSize),
        settings.prefetchBatches());
  }

  private static Report diverged(Report report, int step, String what) {
    return report.diverged(new Divergence(Math.max(0, step), what));
  }

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  private record Reading<T>(ObjectReader<T> reader, Iterator<Tuple2<Long, T>> objects)
      implements Iterator<MultiDataSet> {
    @Override
    public boolean hasNext() {
      return objects.hasNext();
    }

    @Override
    public MultiDataSet next() {
      return reader.read(objects.next()._2());
    }
  }
}
