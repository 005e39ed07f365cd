package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.config.DataSection.Layout;
import io.phiscale.jobs.config.DataSection.Validation;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.source.FlatValidationSource;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/** The collections that a configuration names, as inputs of the sharding job. */
final class Inputs {
  private final SparkSession session;
  private final Storage storage;
  private final DataSection data;
  private final Duration deadline;
  private Input train;

  /**
   * @param deadline longest time in which no task of a job ends
   */
  Inputs(SparkSession session, Storage storage, DataSection data, Duration deadline) {
    this.session = session;
    this.storage = storage;
    this.data = data;
    this.deadline = deadline;
  }

  /**
   * The training images.
   *
   * @throws IllegalArgumentException if the configuration names none
   */
  Input train() throws IOException {
    if (train == null) {
      Layout layout = data.source().layout();
      train = isTable(layout) ? table(layout, data.source().train()) : files(Sources.train(data));
    }
    return train;
  }

  /** The validation images, where they are a collection of their own. */
  Optional<Input> validation() throws IOException {
    if (data.source().validation() instanceof Validation.Separate separate
        && isTable(separate.layout())) {
      return Optional.of(table(separate.layout(), separate.location()));
    }
    Optional<DatasetSource> source = Sources.validation(data);
    return source.isPresent() ? Optional.of(files(source.get())) : Optional.empty();
  }

  /**
   * The classes: those of the training images. Where the validation images come with the lists of
   * ILSVRC2012 and have the same classes, with the human names and ids of these.
   */
  LabelSpace labels() throws IOException {
    LabelSpace labels = train().labels();
    if (Sources.validation(data).orElse(null) instanceof FlatValidationSource flat
        && flat.synsetList().isPresent()) {
      LabelSpace described = flat.labelSpace(storage);
      if (described.names().equals(labels.names())) {
        return described;
      }
    }
    return labels;
  }

  private Input files(DatasetSource source) throws IOException {
    return SplitInput.of(
        JavaSparkContext.fromSparkContext(session.sparkContext()), storage, source, data, deadline);
  }

  private static boolean isTable(Layout layout) {
    return layout == Layout.TABLE || layout == Layout.YFCC100M;
  }

  private Input table(Layout layout, URI location) throws IOException {
    ImageTable table =
        layout == Layout.TABLE
            ? new ManifestTable(location, data.source().table(), List.of())
            : new YfccTable(location, data.source().yfcc(), List.of());
    return new TableInput(session, storage, table, data, deadline);
  }
}
