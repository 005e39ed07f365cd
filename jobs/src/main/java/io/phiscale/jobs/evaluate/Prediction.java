package io.phiscale.jobs.evaluate;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What a network said of one image. Classes are the network's, by index.
 *
 * @param key of the image, unique in its split
 * @param label the right class
 * @param rank classes that score higher than the right one, 0 if the first guess is right; a class
 *     that scores the same counts as higher if its index is lower, so constant scores are not right
 *     by accident
 * @param guesses the classes with the highest scores, best first, at most {@value #GUESSES}
 * @param confidence softmax of the first guess, over the classes it was chosen among
 * @param loss cross-entropy in nats; NaN or infinite if scores are not finite
 */
public record Prediction(
    String key, int label, int rank, List<Integer> guesses, double confidence, double loss)
    implements Serializable {
  /** How many guesses are kept. */
  public static final int GUESSES = 5;

  public Prediction {
    Objects.requireNonNull(key, "key");
    guesses = List.copyOf(guesses);
  }

  /**
   * From scores.
   *
   * @param scores before the softmax, by class
   * @param among the classes that may be guessed, ascending; the label is one of them
   */
  static Prediction of(String key, int label, float[] scores, List<Integer> among) {
    float own = scores[label];
    int rank = 0;
    double maximum = Double.NEGATIVE_INFINITY;
    List<Integer> guesses = new ArrayList<>();
    for (int c : among) {
      float score = scores[c];
      maximum = Math.max(maximum, score);
      if (score > own || (score == own && c < label)) {
        rank++;
      }
      int place = guesses.size();
      while (place > 0 && score > scores[guesses.get(place - 1)]) {
        place--;
      }
      if (place < GUESSES) {
        guesses.add(place, c);
        if (guesses.size() > GUESSES) {
          guesses.remove(GUESSES);
        }
      }
    }
    double sum = 0;
    for (int c : among) {
      sum += Math.exp(scores[c] - maximum);
    }
    return new Prediction(key, label, rank, guesses, 1 / sum, maximum + Math.log(sum) - own);
  }

  /** The first guess. */
  public int guess() {
    return guesses.get(0);
  }

  /** Whether the right class is among the k highest scores. */
  public boolean isRight(int k) {
    return rank < k;
  }
}
