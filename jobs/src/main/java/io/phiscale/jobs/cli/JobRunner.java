package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;

/**
 * The jobs behind the commands. A job either returns, and then its output is whole, or throws: a
 * {@link io.phiscale.jobs.config.ConfigurationException} where the configuration does not fit the
 * data (exit code 2), anything else for a failure (exit code 1).
 */
public interface JobRunner {
  /** Reads {@code data.source}, writes {@code data.shards}. */
  void shard(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Reads {@code data.shards}, writes WebDataset tars to a location. */
  void export(PhiscaleConfiguration configuration, String output, Console console)
      throws Exception;

  /** Reads {@code data.shards}, writes or continues {@code train.output}. */
  void train(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Reads {@code evaluate.checkpoint} and {@code data.shards}, writes {@code evaluate.output}. */
  void evaluate(PhiscaleConfiguration configuration, Console console) throws Exception;

  /**
   * Trains and evaluates one network per value of {@code study.phi}, writes {@code study.output}.
   */
  void study(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Shards the bundled images, then runs the study; what is already there is kept. */
  void quickstart(PhiscaleConfiguration configuration, Console console) throws Exception;
}
