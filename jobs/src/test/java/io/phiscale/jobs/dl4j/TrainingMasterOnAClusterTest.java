package io.phiscale.jobs.dl4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.support.LocalSpark;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.spark.impl.graph.SparkComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * The same program with executors in JVMs of their own: everything is shipped, nothing is shared.
 */
class TrainingMasterOnAClusterTest {
  @TempDir static Path folder;

  private static List<DataSet> examples() {
    SplittableRandom random = new SplittableRandom(1);
    List<DataSet> examples = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      int label = random.nextInt(3);
      float[] features = new float[4];
      for (int j = 0; j < 4; j++) {
        features[j] = (float) ((j == label ? 2 : 0) + random.nextGaussian() * 0.5);
      }
      float[] labels = new float[3];
      labels[label] = 1;
      examples.add(
          new DataSet(
              Nd4j.createFromArray(features).reshape(1, 4),
              Nd4j.createFromArray(labels).reshape(1, 3)));
    }
    return examples;
  }

  private static ComputationGraphConfiguration graph() {
    return new NeuralNetConfiguration.Builder()
        .seed(7)
        .updater(new Adam(0.01))
        .dropOut(0.8)
        .graphBuilder()
        .addInputs("in")
        .addLayer(
            "hidden",
            new DenseLayer.Builder().nIn(4).nOut(8).activation(Activation.TANH).build(),
            "in")
        .addLayer(
            "out",
            new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(8)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .build(),
            "hidden")
        .setOutputs("out")
        .build();
  }

  private static float[] fit(String master) {
    try (SparkSession session =
        LocalSpark.open(LocalSpark.configuration(folder, Map.of("spark.master", master)))) {
      JavaSparkContext spark = new JavaSparkContext(session.sparkContext());
      SparkComputationGraph network =
          new SparkComputationGraph(
              spark,
              graph(),
              new PhiscaleTrainingMaster.Builder(2, 1)
                  .batchSizePerWorker(8)
                  .averagingFrequency(3)
                  .build());
      for (int epoch = 0; epoch < 2; epoch++) {
        network.fit(spark.parallelize(examples(), 3));
      }
      return network.getNetwork().params().toFloatVector();
    }
  }

  @Test
  void twoExecutorsGiveTheBitsOfTwoThreads() {
    assertThat(fit("local-cluster[2,1,1024]")).containsExactly(fit("local[2]"));
  }
}
