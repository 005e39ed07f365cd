package io.phiscale.jobs.dataset;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;

/**
 * A picture on a {@link ContactSheet}.
 *
 * @param caption what stands below it
 * @param mediaType such as {@code image/jpeg}
 * @param encoded the file, read only
 * @param views what training sees of it, in the same row; may be empty
 */
public record SampledImage(
    String caption, String mediaType, ByteBuffer encoded, List<SampledImage> views) {
  public SampledImage {
    Objects.requireNonNull(caption, "caption");
    Objects.requireNonNull(mediaType, "mediaType");
    encoded = encoded.asReadOnlyBuffer();
    views = List.copyOf(views);
  }
}
