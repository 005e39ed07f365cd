package io.phiscale.pipeline.source;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;

/**
 * An image collection in one of the layouts in which they are published. A source is a description:
 * small, serializable, with no open file.
 *
 * <p>Keys are paths inside the collection, the same in every reading. A source does not promise
 * that they are unique (an archive may hold one path twice): who collects items from all splits
 * rejects the repeated ones as {@link RejectReason#DUPLICATE_KEY}.
 *
 * <p>Class names are as found; a class that the label space in use lacks (that of the training
 * images, say, when validation images are read) is the reader's to reject as {@link
 * RejectReason#UNKNOWN_LABEL}.
 */
public interface DatasetSource extends Serializable {
  /** What is read from where, for provenance and messages. */
  String description();

  /**
   * The classes of this collection, without reading image bytes: sorted names, as is official for
   * synsets.
   *
   * @throws IOException if there is no image; names the URI and the expected layout
   */
  LabelSpace labelSpace(Storage storage) throws IOException;

  /**
   * The units of parallel reading: always the same ones in the same order for the same files.
   * Together they hold every item once. Whether there is any image is for {@link #labelSpace} to
   * say: a compressed archive is one split and is not looked into here.
   *
   * @throws IOException if the collection cannot be walked; names the URI
   */
  List<SourceSplit> splits(Storage storage) throws IOException;

  /**
   * Reads a split of this source.
   *
   * @throws IOException if it cannot be opened; names the URI
   */
  SourceItems open(SourceSplit split, Storage storage) throws IOException;
}
