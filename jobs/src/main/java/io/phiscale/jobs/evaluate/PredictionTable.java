package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.report.Weights;
import java.net.URI;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Predictions as Parquet: {@code network}, {@code weights}, {@code set}, {@code key}, {@code
 * label}, {@code guess} (class names), {@code right}, {@code rank} (from 0), {@code confidence},
 * {@code loss}, {@code guesses} (up to five class names, best first).
 */
final class PredictionTable {
  private static final StructType SCHEMA =
      new StructType()
          .add("network", DataTypes.StringType, false)
          .add("weights", DataTypes.StringType, false)
          .add("set", DataTypes.StringType, false)
          .add("key", DataTypes.StringType, false)
          .add("label", DataTypes.StringType, false)
          .add("guess", DataTypes.StringType, false)
          .add("right", DataTypes.BooleanType, false)
          .add("rank", DataTypes.IntegerType, false)
          .add("confidence", DataTypes.DoubleType, false)
          .add("loss", DataTypes.DoubleType, false)
          .add("guesses", DataTypes.createArrayType(DataTypes.StringType, false), false);

  private PredictionTable() {}

  /** The rows of one network and set. */
  static List<Row> rows(
      String network,
      Weights weights,
      String set,
      List<String> names,
      List<Prediction> predictions) {
    return predictions.stream()
        .map(
            p ->
                RowFactory.create(
                    network,
                    weights.label(),
                    set,
                    p.key(),
                    names.get(p.label()),
                    names.get(p.guess()),
                    p.isRight(1),
                    p.rank(),
                    p.confidence(),
                    p.loss(),
                    p.guesses().stream().map(names::get).toArray(String[]::new)))
        .toList();
  }

  /** Writes all of them in place of what an earlier evaluation wrote there. */
  static void write(SparkSession session, URI folder, List<Row> rows) {
    session
        .createDataFrame(rows, SCHEMA)
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(folder.toString());
  }
}
