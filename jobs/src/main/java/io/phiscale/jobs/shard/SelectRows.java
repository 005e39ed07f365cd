package io.phiscale.jobs.shard;

import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.SoftTargets;
import java.util.Iterator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Turns a partition of the shuffle into rows of one of the two tables, in order. */
final class SelectRows implements FlatMapFunction<Iterator<CheckedItem>, Row> {
  private static final long serialVersionUID = 1L;

  /** Columns of a shard, as {@link ShardRecord} documents them. */
  static final StructType IMAGES =
      new StructType()
          .add("key", DataTypes.StringType, false)
          .add("label", DataTypes.IntegerType, false)
          .add("image", DataTypes.BinaryType, false)
          .add("width", DataTypes.IntegerType, false)
          .add("height", DataTypes.IntegerType, false)
          .add("format", DataTypes.StringType, false)
          .add("sha256", DataTypes.StringType, false);

  /**
   * The same with what several weighted labels an image has: {@code soft_labels}, indices into the
   * label space, and {@code soft_weights}, as the collection gives them: {@link SoftTargets}.
   * {@code label} is the one with the largest weight.
   */
  static final StructType SOFT_IMAGES =
      IMAGES
          .add("soft_labels", DataTypes.createArrayType(DataTypes.IntegerType, false), false)
          .add("soft_weights", DataTypes.createArrayType(DataTypes.FloatType, false), false);

  /** Columns of the rejects table. */
  static final StructType REJECTS =
      new StructType()
          .add("key", DataTypes.StringType, false)
          .add("split", DataTypes.StringType, false)
          .add("reason", DataTypes.StringType, false)
          .add("detail", DataTypes.StringType, false);

  /** Which table. */
  enum Table {
    IMAGES,
    SOFT_IMAGES,
    REJECTS
  }

  private final Table table;

  SelectRows(Table table) {
    this.table = table;
  }

  @Override
  public Iterator<Row> call(Iterator<CheckedItem> items) {
    Iterable<CheckedItem> all = () -> items;
    Stream<CheckedItem> stream = StreamSupport.stream(all.spliterator(), false);
    return switch (table) {
      case IMAGES ->
          stream
              .filter(Accepted.class::isInstance)
              .map(item -> row(((Accepted) item).image()))
              .iterator();
      case SOFT_IMAGES ->
          stream
              .filter(Accepted.class::isInstance)
              .map(item -> softRow((Accepted) item))
              .iterator();
      case REJECTS ->
          stream.filter(Refused.class::isInstance).map(item -> row((Refused) item)).iterator();
    };
  }

  private static Row row(ShardRecord image) {
    return RowFactory.create(
        image.key(),
        image.label(),
        image.image(),
        image.width(),
        image.height(),
        image.format(),
        image.sha256());
  }

  private static Row softRow(Accepted item) {
    ShardRecord image = item.image();
    SoftTargets targets = item.targets();
    return RowFactory.create(
        image.key(),
        image.label(),
        image.image(),
        image.width(),
        image.height(),
        image.format(),
        image.sha256(),
        targets.labels().toArray(Integer[]::new),
        targets.weights().toArray(Float[]::new));
  }

  private static Row row(Refused item) {
    return RowFactory.create(item.key(), item.split(), item.reason().id(), item.detail());
  }
}
