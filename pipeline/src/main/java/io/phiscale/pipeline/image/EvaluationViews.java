package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.EvaluationCrop.Place;
import io.phiscale.pipeline.image.EvaluationCrop.PlacedCrop;
import java.util.ArrayList;
import java.util.List;

/**
 * Several views of an image, whose scores are averaged: each is a transform of its own, so a view
 * is evaluated as an image is.
 */
public final class EvaluationViews {
  private EvaluationViews() {}

  /**
   * Ten crops (Krizhevsky et al. 2012, section 4.1): four corners and the centre, and the same
   * mirrored; torchvision's {@code TenCrop} of an image whose shorter side is resolution /
   * fraction, in its order.
   *
   * @param transform resolution, kernel and normalisation
   * @param fraction side of a crop over the image's shorter side, greater than 0, at most 1
   */
  public static List<EvaluationTransform> tenCrop(EvaluationTransform transform, double fraction) {
    List<EvaluationTransform> views = new ArrayList<>();
    for (Mirroring mirroring : Mirroring.values()) {
      for (Place place : Place.values()) {
        views.add(transform.withCrop(new PlacedCrop(fraction, place, mirroring)));
      }
    }
    return List.copyOf(views);
  }

  /**
   * Ten crops at each of several scales of the image (Szegedy et al. 2015, section 7: 256 to 352 px
   * around crops of 224 px): the network's input stays as large as it is, the crop changes.
   *
   * @param transform resolution, kernel and normalisation
   * @param fractions sides of the crops over the image's shorter side
   */
  public static List<EvaluationTransform> multiScale(
      EvaluationTransform transform, List<Double> fractions) {
    if (fractions.isEmpty()) {
      throw new IllegalArgumentException("Invalid crop fractions: [] (must not be empty)");
    }
    return fractions.stream().flatMap(fraction -> tenCrop(transform, fraction).stream()).toList();
  }
}
