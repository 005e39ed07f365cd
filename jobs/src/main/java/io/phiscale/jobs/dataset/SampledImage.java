package io.phiscale.jobs.dataset;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A picture on a {@link ContactSheet}.
 *
 * @param caption what stands below it
 * @param mediaType such as {@code image/jpeg}
 * @param encoded the file, read only
 */
public record SampledImage(String caption, String mediaType, ByteBuffer encoded) {
  public SampledImage {
    Objects.requireNonNull(caption, "caption");
    Objects.requireNonNull(mediaType, "mediaType");
    encoded = encoded.asReadOnlyBuffer();
  }
}
