package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.config.DataSection.Validation;
import io.phiscale.pipeline.source.ClassFolderSource;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.source.FlatValidationSource;
import io.phiscale.pipeline.source.ImageNetTarSource;
import io.phiscale.pipeline.source.NamePrefixSource;
import io.phiscale.pipeline.storage.Storage;
import java.net.URI;
import java.util.Optional;

/** The collections that a configuration names. */
final class Sources {
  private Sources() {}

  /**
   * The training images.
   *
   * @throws IllegalArgumentException if the configuration names none
   */
  static DatasetSource train(DataSection data) {
    if (!data.source().isConfigured()) {
      throw new IllegalArgumentException(
          "Nothing to shard: data.source.train is not set (give a folder or a tar of images)");
    }
    return source(
        data.source().layout(),
        data.source().train(),
        data.source().trainPrefix(),
        URI.create(""),
        URI.create(""));
  }

  /** The validation images, where they are a collection of their own. */
  static Optional<DatasetSource> validation(DataSection data) {
    if (data.source().validation() instanceof Validation.Separate separate) {
      return Optional.of(
          source(
              separate.layout(),
              separate.location(),
              separate.prefix(),
              separate.groundTruth(),
              separate.synsets()));
    }
    return Optional.empty();
  }

  private static DatasetSource source(
      DataSection.Layout layout, URI location, String prefix, URI groundTruth, URI synsets) {
    URI root = Storage.uri(location.toString());
    return switch (layout) {
      case CLASS_FOLDERS -> new ClassFolderSource(root, prefix);
      case NAME_PREFIX -> new NamePrefixSource(root);
      case IMAGENET_TAR -> new ImageNetTarSource(root);
      case FLAT_VALIDATION ->
          new FlatValidationSource(
              root,
              Storage.uri(groundTruth.toString()),
              synsets.toString().isEmpty()
                  ? Optional.empty()
                  : Optional.of(Storage.uri(synsets.toString())));
    };
  }
}
