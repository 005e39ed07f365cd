package io.phiscale.pipeline.storage;

/**
 * How a file is going to be read: a hint with which object stores choose between one long request
 * and many short ones. It never changes what is read.
 */
public enum ReadPolicy {
  /** From front to back, perhaps with jumps forward: tars. */
  SEQUENTIAL("sequential"),
  /** The end first, then ranges: Parquet. */
  RANDOM("random");

  private final String hadoopName;

  ReadPolicy(String hadoopName) {
    this.hadoopName = hadoopName;
  }

  /** The value of Hadoop's {@code fs.option.openfile.read.policy}. */
  String hadoopName() {
    return hadoopName;
  }
}
