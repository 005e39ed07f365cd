package io.phiscale.jobs.benchmark;

import io.phiscale.jobs.dl4j.PhiscaleTrainingMaster;
import io.phiscale.jobs.train.SimulatedRound;
import io.phiscale.model.network.EfficientNets;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.spark.api.RDDTrainingApproach;
import org.deeplearning4j.spark.api.Repartition;
import org.deeplearning4j.spark.api.TrainingMaster;
import org.deeplearning4j.spark.impl.multilayer.SparkDl4jMultiLayer;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingMaster;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** What averages replicas, once a call. */
@FunctionalInterface
interface Averager {
  /** Runs a round, from parameters on the driver to averaged parameters on the driver. */
  void round() throws InterruptedException;

  /** Builds an averager for one number of workers. */
  static Averager of(JavaSparkContext spark, AveragingSetting setting, int workers) {
    long length = EfficientNets.parameterLayout(setting.network()).length();
    return switch (setting.trainer()) {
      case PHISCALE -> {
        SimulatedRound round =
            new SimulatedRound(
                spark,
                EfficientNets.parameterLayout(setting.network()),
                (int) (setting.optimizerSlots() * length),
                workers,
                setting.wire());
        yield round::run;
      }
      case PHISCALE_DL4J ->
          dense(
              spark,
              length,
              workers,
              new PhiscaleTrainingMaster.Builder(workers, 1)
                  .batchSizePerWorker(1)
                  .averagingFrequency(1)
                  .build());
      case DL4J ->
          dense(
              spark,
              length,
              workers,
              new ParameterAveragingTrainingMaster.Builder(workers, 1)
                  .batchSizePerWorker(1)
                  .averagingFrequency(1)
                  .saveUpdater(true)
                  .rddTrainingApproach(RDDTrainingApproach.Direct)
                  .repartionData(Repartition.Never)
                  .build());
    };
  }

  /**
   * A dense network of about as many parameters as an EfficientNet, with momentum, and one example
   * for each worker: a local step costs little.
   */
  private static Averager dense(
      JavaSparkContext spark, long parameters, int workers, TrainingMaster<?, ?> master) {
    int inputs = 16;
    // inputs h + h + h^2 + h + 2 h + 2 = parameters
    double half = (inputs + 4) / 2.0;
    int hidden = (int) Math.round(Math.sqrt(half * half + parameters - 2) - half);
    MultiLayerConfiguration network =
        new NeuralNetConfiguration.Builder()
            .seed(1)
            .dataType(DataType.FLOAT)
            .updater(new Nesterovs(1e-3, 0.9))
            .activation(Activation.TANH)
            .list()
            .layer(new DenseLayer.Builder().nIn(inputs).nOut(hidden).build())
            .layer(new DenseLayer.Builder().nIn(hidden).nOut(hidden).build())
            .layer(
                new OutputLayer.Builder(LossFunction.MCXENT)
                    .nIn(hidden)
                    .nOut(2)
                    .activation(Activation.SOFTMAX)
                    .build())
            .build();
    List<DataSet> examples =
        IntStream.range(0, workers)
            .mapToObj(
                worker ->
                    new DataSet(
                        Nd4j.valueArrayOf(new long[] {1, inputs}, worker / (double) workers),
                        Nd4j.createFromArray(
                            new float[][] {
                              worker % 2 == 0 ? new float[] {1, 0} : new float[] {0, 1}
                            })))
            .toList();
    JavaRDD<DataSet> data = spark.parallelize(examples, workers);
    SparkDl4jMultiLayer trained = new SparkDl4jMultiLayer(spark, network, master);
    return () -> trained.fit(data);
  }
}
