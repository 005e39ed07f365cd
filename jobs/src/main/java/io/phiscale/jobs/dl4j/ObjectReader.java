package io.phiscale.jobs.dl4j;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;
import org.deeplearning4j.core.loader.DataSetLoader;
import org.deeplearning4j.core.loader.MultiDataSetLoader;
import org.deeplearning4j.nn.graph.util.ComputationGraphUtil;
import org.deeplearning4j.spark.data.loader.RemoteFileSource;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * What a worker makes examples from.
 *
 * @param <T> what the RDD holds
 */
sealed interface ObjectReader<T> extends Serializable {

  /** Whether reading takes time, so that reading ahead is of use. */
  enum Cost {
    NONE,
    FILE
  }

  MultiDataSet read(T object);

  default Cost cost() {
    return Cost.FILE;
  }

  /** Examples with one input and one output. */
  record DataSets() implements ObjectReader<DataSet> {
    @Override
    public MultiDataSet read(DataSet object) {
      return ComputationGraphUtil.toMultiDataSet(object);
    }

    @Override
    public Cost cost() {
      return Cost.NONE;
    }
  }

  /** Examples as they are. */
  record MultiDataSets() implements ObjectReader<MultiDataSet> {
    @Override
    public MultiDataSet read(MultiDataSet object) {
      return object;
    }

    @Override
    public Cost cost() {
      return Cost.NONE;
    }
  }

  /** Files on any of Hadoop's file systems, with the driver's Hadoop settings. */
  record DataSetFiles(DataSetLoader loader, Broadcast<SerializableConfiguration> hadoop)
      implements ObjectReader<String> {
    @Override
    public MultiDataSet read(String uri) {
      try {
        return ComputationGraphUtil.toMultiDataSet(loader.load(source(uri, hadoop)));
      } catch (IOException e) {
        throw new UncheckedIOException("Cannot read a data set from " + uri, e);
      }
    }
  }

  /** Files of several inputs or outputs on any of Hadoop's file systems. */
  record MultiDataSetFiles(MultiDataSetLoader loader, Broadcast<SerializableConfiguration> hadoop)
      implements ObjectReader<String> {
    @Override
    public MultiDataSet read(String uri) {
      try {
        return loader.load(source(uri, hadoop));
      } catch (IOException e) {
        throw new UncheckedIOException("Cannot read a multi data set from " + uri, e);
      }
    }
  }

  private static RemoteFileSource source(String uri, Broadcast<SerializableConfiguration> hadoop)
      throws IOException {
    return new RemoteFileSource(uri, new Path(uri).getFileSystem(hadoop.value().value()));
  }

  /** Number of examples of a batch. */
  static int examples(MultiDataSet batch) {
    return Math.toIntExact(List.of(batch.getFeatures()).get(0).size(0));
  }
}
