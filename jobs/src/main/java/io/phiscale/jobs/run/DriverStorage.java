package io.phiscale.jobs.run;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.StorageSection;
import io.phiscale.pipeline.storage.Storage;

/**
 * Storage as the driver uses it: no operation lasts longer than {@code storage.deadline}. What
 * executors do with it is bounded by their round's {@code train.deadline} or by {@code
 * spark.deadline}.
 */
public final class DriverStorage {
  private DriverStorage() {}

  /** What a configuration says of storage. */
  public static Storage of(PhiscaleConfiguration configuration) {
    StorageSection storage = configuration.storage();
    return Storage.of(storage.hadoopProperties()).withDeadline(storage.deadline());
  }
}
