package io.phiscale.jobs.evaluate;

import java.io.Serializable;
import java.util.List;

/**
 * What one task scored.
 *
 * @param predictions one for each image
 * @param unreadable keys of images that could not be decoded any more
 */
record ScoredPart(List<Prediction> predictions, List<String> unreadable) implements Serializable {
  ScoredPart {
    predictions = List.copyOf(predictions);
    unreadable = List.copyOf(unreadable);
  }
}
