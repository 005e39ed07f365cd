package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.SampleJob;

/**
 * The jobs behind the commands. A job either returns, and then its output is whole, or throws: a
 * {@link io.phiscale.jobs.config.ConfigurationException} where the configuration does not fit the
 * data (exit code 2), anything else for a failure (exit code 1).
 */
public interface JobRunner {
  /** Reads {@code data.source}, writes {@code data.shards}. */
  void shard(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Adds what {@code data.source} has more to {@code data.shards}. */
  void addShards(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Prints what the manifest of {@code data.shards} says, with this many classes. */
  void showDataset(PhiscaleConfiguration configuration, int classes, Console console)
      throws Exception;

  /** Reads all of {@code data.shards} and fails if anything is not as it was written. */
  void verifyDataset(PhiscaleConfiguration configuration, Console console) throws Exception;

  /**
   * Writes pictures of {@code data.shards} as an HTML page.
   *
   * @param output the page; empty: beside the shards
   */
  void sampleDataset(
      PhiscaleConfiguration configuration,
      SampleJob.Request request,
      String output,
      Console console)
      throws Exception;

  /** Reads {@code data.shards}, writes WebDataset tars to a location. */
  void exportDataset(PhiscaleConfiguration configuration, String output, Console console)
      throws Exception;

  /** Reads {@code data.shards}, writes or continues {@code train.output}. */
  void train(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Reads {@code evaluate.checkpoint} and {@code data.shards}, writes {@code evaluate.output}. */
  void evaluate(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Trains and evaluates the cells of {@code study}, writes {@code study.output}. */
  void study(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Prints what a study would train, what there is of it already, and what the rest would cost. */
  void forecastStudy(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Looks whether jobs will run, prints what it finds, fails if one would fail. */
  void doctor(PhiscaleConfiguration configuration, Console console) throws Exception;

  /** Shards the bundled images, then runs the study; what is already there is kept. */
  void quickstart(PhiscaleConfiguration configuration, Console console) throws Exception;
}
