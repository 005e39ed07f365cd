package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.report.Weights;
import java.net.URI;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  /** Rows of one network, weights and set have one key. */
  static String key(String network, Weights weights, String set) {
    return network + "/" + weights.label() + "/" + set;
  }

  /** The key of a row. */
  static String key(Row row) {
    return row.<String>getAs("network") + "/" + row.getAs("weights") + "/" + row.getAs("set");
  }

  /** All rows that were written. */
  static List<Row> read(SparkSession session, URI folder) {
    return session.read().schema(SCHEMA).parquet(folder.toString()).collectAsList();
  }

  /**
   * The predictions of one network and set, in the order of their keys.
   *
   * @param rows all of one {@link #key}
   * @param names of the network's classes
   * @throws IllegalStateException if a row names another class
   */
  static List<Prediction> predictions(List<Row> rows, List<String> names) {
    Map<String, Integer> classes = new HashMap<>();
    for (int i = 0; i < names.size(); i++) {
      classes.put(names.get(i), i);
    }
    return rows.stream()
        .map(
            row ->
                new Prediction(
                    row.getAs("key"),
                    index(classes, row.getAs("label")),
                    row.<Integer>getAs("rank"),
                    row.<String>getList(row.fieldIndex("guesses")).stream()
                        .map(name -> index(classes, name))
                        .toList(),
                    row.<Double>getAs("confidence"),
                    row.<Double>getAs("loss")))
        .sorted(Comparator.comparing(Prediction::key))
        .toList();
  }

  private static int index(Map<String, Integer> classes, String name) {
    Integer index = classes.get(name);
    if (index == null) {
      throw new IllegalStateException(
          String.format("Cannot use predictions: the network has no class %s", name));
    }
    return index;
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
