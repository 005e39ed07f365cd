package io.phiscale.pipeline.shard;

import static org.apache.parquet.schema.LogicalTypeAnnotation.stringType;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BINARY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT32;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;

/** The columns of a shard. */
final class ShardColumns {
  static final String KEY = "key";
  static final String LABEL = "label";
  static final String IMAGE = "image";
  static final String WIDTH = "width";
  static final String HEIGHT = "height";
  static final String FORMAT = "format";
  static final String SHA256 = "sha256";

  static final String SOFT_LABELS = "soft_labels";
  static final String SOFT_WEIGHTS = "soft_weights";

  /** All columns that every shard has, in the order in which shards are written. */
  static final List<String> ALL = List.of(KEY, LABEL, IMAGE, WIDTH, HEIGHT, FORMAT, SHA256);

  /** What is written here. Spark writes the same columns as optional ones. */
  static final MessageType SCHEMA =
      Types.buildMessage()
          .addFields(
              Types.required(BINARY).as(stringType()).named(KEY),
              Types.required(INT32).named(LABEL),
              Types.required(BINARY).named(IMAGE),
              Types.required(INT32).named(WIDTH),
              Types.required(INT32).named(HEIGHT),
              Types.required(BINARY).as(stringType()).named(FORMAT),
              Types.required(BINARY).as(stringType()).named(SHA256))
          .named("shard");

  private static final Map<String, PrimitiveTypeName> PHYSICAL_TYPES =
      Map.of(
          KEY, BINARY, LABEL, INT32, IMAGE, BINARY, WIDTH, INT32, HEIGHT, INT32, FORMAT, BINARY,
          SHA256, BINARY);

  private ShardColumns() {}

  /** As {@link #project}, and the lists of labels and weights where the file has them. */
  static MessageType withSoftTargets(URI file, MessageType fileSchema, List<String> columns)
      throws DamagedShardException {
    MessageType projected = project(file, fileSchema, columns);
    if (!fileSchema.containsField(SOFT_LABELS)) {
      return projected;
    }
    List<Type> fields = new ArrayList<>(projected.getFields());
    fields.add(list(file, fileSchema, SOFT_LABELS, PrimitiveTypeName.INT32));
    fields.add(list(file, fileSchema, SOFT_WEIGHTS, PrimitiveTypeName.FLOAT));
    return new MessageType(fileSchema.getName(), fields);
  }

  /** A list as Parquet's format defines it: a group of one repeated group of one element. */
  private static Type list(
      URI file, MessageType fileSchema, String column, PrimitiveTypeName element)
      throws DamagedShardException {
    if (fileSchema.containsField(column)) {
      Type type = fileSchema.getType(column);
      if (!type.isPrimitive()
          && type.asGroupType().getFieldCount() == 1
          && !type.asGroupType().getType(0).isPrimitive()
          && type.asGroupType().getType(0).asGroupType().getFieldCount() == 1) {
        Type of = type.asGroupType().getType(0).asGroupType().getType(0);
        if (of.isPrimitive() && of.asPrimitiveType().getPrimitiveTypeName() == element) {
          return type;
        }
      }
    }
    throw new DamagedShardException(
        "Not a shard: %s has no column %s that is a list of %s".formatted(file, column, element));
  }

  /**
   * Some columns of a file, with the types they have in it.
   *
   * @throws DamagedShardException if the file lacks one, or has it with another type
   */
  static MessageType project(URI file, MessageType fileSchema, List<String> columns)
      throws DamagedShardException {
    List<Type> fields = new ArrayList<>();
    for (String column : columns) {
      if (!fileSchema.containsField(column)) {
        throw new DamagedShardException("Not a shard: %s has no column %s".formatted(file, column));
      }
      Type type = fileSchema.getType(column);
      PrimitiveTypeName expected = PHYSICAL_TYPES.get(column);
      if (!type.isPrimitive()
          || type.isRepetition(Type.Repetition.REPEATED)
          || type.asPrimitiveType().getPrimitiveTypeName() != expected) {
        throw new DamagedShardException(
            "Not a shard: %s has column %s as \"%s\" (must be %s)"
                .formatted(file, column, type, expected));
      }
      fields.add(type);
    }
    return new MessageType(fileSchema.getName(), fields);
  }
}
