package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.config.DataSection.Validation;
import io.phiscale.pipeline.source.CifarSource;
import io.phiscale.pipeline.source.ClassFolderSource;
import io.phiscale.pipeline.source.CollectionPart;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.source.FlatValidationSource;
import io.phiscale.pipeline.source.IdxSource;
import io.phiscale.pipeline.source.ImageNetKaggleSource;
import io.phiscale.pipeline.source.ImageNetTarSource;
import io.phiscale.pipeline.source.NamePrefixSource;
import io.phiscale.pipeline.source.SynsetTarsSource;
import io.phiscale.pipeline.source.TfRecordSource;
import io.phiscale.pipeline.source.WebDatasetSource;
import io.phiscale.pipeline.storage.Storage;
import java.net.URI;
import java.util.Optional;
import java.util.OptionalInt;

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
        data.source(),
        CollectionPart.TRAIN,
        data.source().layout(),
        data.source().train(),
        data.source().trainPrefix(),
        URI.create(""),
        URI.create(""));
  }

  /** The validation images, where they are a collection of files of their own. */
  static Optional<DatasetSource> validation(DataSection data) {
    if (data.source().validation() instanceof Validation.Separate separate
        && separate.layout() != DataSection.Layout.TABLE
        && separate.layout() != DataSection.Layout.YFCC100M) {
      return Optional.of(
          source(
              data.source(),
              CollectionPart.TEST,
              separate.layout(),
              separate.location(),
              separate.prefix(),
              separate.groundTruth(),
              separate.synsets()));
    }
    return Optional.empty();
  }

  private static DatasetSource source(
      DataSection.Source section,
      CollectionPart part,
      DataSection.Layout layout,
      URI location,
      String prefix,
      URI groundTruth,
      URI synsets) {
    URI root = Storage.uri(location.toString());
    DataSection.Reading reading = section.reading();
    Optional<URI> classes = optional(reading.classes());
    return switch (layout) {
      case CLASS_FOLDERS -> new ClassFolderSource(root, prefix);
      case NAME_PREFIX -> new NamePrefixSource(root);
      case IMAGENET_TAR -> new ImageNetTarSource(root);
      case FLAT_VALIDATION ->
          new FlatValidationSource(root, Storage.uri(groundTruth.toString()), optional(synsets));
      case IMAGENET_KAGGLE -> new ImageNetKaggleSource(root, part);
      case SYNSET_TARS -> new SynsetTarsSource(root);
      case CIFAR -> new CifarSource(root, part);
      case IDX -> new IdxSource(root, part, classes);
      case WEBDATASET ->
          // Not the root: patterns are decoded where they are expanded.
          new WebDatasetSource(
              location, classes, reading.labelField(), Math.max(0, reading.firstLabel()));
      case TFRECORD ->
          new TfRecordSource(
              location,
              classes,
              reading.firstLabel() < 0
                  ? OptionalInt.empty()
                  : OptionalInt.of(reading.firstLabel()));
      case TABLE, YFCC100M ->
          throw new IllegalArgumentException(
              String.format("Layout %s is a table and no collection of files", layout));
    };
  }

  private static Optional<URI> optional(URI location) {
    return location.toString().isEmpty()
        ? Optional.empty()
        : Optional.of(Storage.uri(location.toString()));
  }
}
