package io.phiscale.pipeline.source;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;

/**
 * The items of a split, read as they are asked for. {@link #hasNext()} and {@link #next()} throw
 * {@link UncheckedIOException} when the storage fails or an archive is damaged, with a message that
 * names the URI, and for an archive the offset: that ends the reading, and is not an item's fault.
 */
public interface SourceItems extends Iterator<SourceItem>, Closeable {
  @Override
  void close() throws IOException;
}
