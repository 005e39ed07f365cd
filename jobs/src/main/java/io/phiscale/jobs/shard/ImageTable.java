package io.phiscale.jobs.shard;

import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Images that are rows of a table, of any length: joined and read by Spark, never collected. */
interface ImageTable {
  /**
   * The columns of {@link #rows}: the image's key, where it lies (null: see {@code problem}), its
   * labels with as many weights, what it shares with images that must stay in its split (or null),
   * and what is wrong with the row (a {@code RejectReason}'s id, or null).
   */
  StructType COLUMNS =
      new StructType()
          .add("key", DataTypes.StringType, false)
          .add("uri", DataTypes.StringType, true)
          .add("labels", DataTypes.createArrayType(DataTypes.StringType), false)
          .add("weights", DataTypes.createArrayType(DataTypes.FloatType), false)
          .add("group", DataTypes.StringType, true)
          .add("problem", DataTypes.StringType, true)
          .add("detail", DataTypes.StringType, true);

  /**
   * A label's confidence.
   *
   * @throws NumberFormatException if it is not a finite number: an infinite weight would leave NaN
   *     in the targets
   */
  static float confidence(String text) {
    float confidence = Float.parseFloat(text);
    if (!Float.isFinite(confidence)) {
      throw new NumberFormatException("confidence " + text + " (must be a number)");
    }
    return confidence;
  }

  /** What is read from where, for provenance and messages. */
  String description();

  /** Where its rows are: a file, a folder or a pattern. */
  URI location();

  /** The rows of some of its files. */
  ImageTable only(List<URI> files);

  /** The files whose rows are the images; those that Spark leaves out are no part. */
  default List<StoredFile> files(Storage storage) throws IOException {
    List<StoredFile> files = new ArrayList<>();
    FileStatus[] found = storage.fileSystem(location()).globStatus(new Path(location()));
    for (FileStatus place : found == null ? new FileStatus[0] : found) {
      for (StoredFile file : storage.listRecursively(place.getPath().toUri())) {
        String name = file.uri().getPath();
        name = name.substring(name.lastIndexOf('/') + 1);
        if (!name.startsWith("_") && !name.startsWith(".")) {
          files.add(file);
        }
      }
    }
    return files;
  }

  /**
   * The rows, with {@link #COLUMNS}; nothing is read yet but what tells the columns.
   *
   * @throws IOException if the table cannot be read or lacks a column; names both
   */
  Dataset<Row> rows(SparkSession session) throws IOException;
}
