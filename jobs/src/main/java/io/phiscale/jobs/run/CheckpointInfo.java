package io.phiscale.jobs.run;

import io.phiscale.model.spec.NetworkSpec;
import java.io.IOException;
import java.net.URI;
import java.util.List;

/**
 * What a checkpoint says about itself: {@code checkpoint.json}, beside {@code state.bin}.
 *
 * @param schemaVersion version of this layout, {@value #SCHEMA_VERSION}
 * @param network the network, whole: nothing else is needed to build it
 * @param identity φ and coefficients, for reports
 * @param classNames labels in order
 * @param progress where training stood
 * @param seed the run's seed
 * @param manifestDigest digest of the shards trained on
 * @param configurationDigest digest of the effective configuration
 * @param origin where the first parameters came from, and what is frozen
 * @param parameters values in the parameter vector, running statistics included
 * @param optimizerState values in the optimizer's state
 * @param movingAverage values in the moving average; 0 where none is kept
 * @param outerState values in the outer optimizer's momentum; 0 where it has none
 * @param stateSha256 digest of {@code state.bin}, hex
 */
public record CheckpointInfo(
    int schemaVersion,
    NetworkSpec network,
    NetworkIdentity identity,
    List<String> classNames,
    Progress progress,
    long seed,
    String manifestDigest,
    String configurationDigest,
    Origin origin,
    int parameters,
    int optimizerState,
    int movingAverage,
    int outerState,
    String stateSha256) {

  /**
   * The layout that this version writes. It also reads version 2, which had no outer optimizer, and
   * version 1, which had no origin either: nothing could be frozen then.
   */
  public static final int SCHEMA_VERSION = 3;

  /** As {@code checkpoint.json} holds it. */
  public String toJson() {
    return Json.sealed(this);
  }

  /**
   * Reads what {@link #toJson} wrote, in this version or one before.
   *
   * @param file for messages
   * @throws IOException naming the file and what is wrong with it
   */
  public static CheckpointInfo ofJson(String json, URI file) throws IOException {
    return Json.readCheckpointInfo(json, file);
  }

  /** The same with another origin. */
  CheckpointInfo withOrigin(Origin newOrigin) {
    return new CheckpointInfo(
        schemaVersion,
        network,
        identity,
        classNames,
        progress,
        seed,
        manifestDigest,
        configurationDigest,
        newOrigin,
        parameters,
        optimizerState,
        movingAverage,
        outerState,
        stateSha256);
  }

  public CheckpointInfo {
    if (schemaVersion != SCHEMA_VERSION) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid checkpoint schema version: %s (this Phiscale reads version %s)",
              schemaVersion, SCHEMA_VERSION));
    }
    classNames = List.copyOf(classNames);
  }
}
