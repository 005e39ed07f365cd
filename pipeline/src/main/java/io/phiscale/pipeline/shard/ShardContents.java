package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What {@link ShardFiles#describe} finds in one shard.
 *
 * @param file its entry of the manifest
 * @param imagesPerLabel the number of images by label; labels without images are absent
 */
public record ShardContents(ShardFile file, Map<Integer, Long> imagesPerLabel)
    implements Serializable {
  public ShardContents {
    requireNonNull(file, "file");
    imagesPerLabel = Collections.unmodifiableMap(new TreeMap<>(imagesPerLabel));
  }
}
