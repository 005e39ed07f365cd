package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.image.ColourMoments;
import io.phiscale.pipeline.image.DecodeResult;
import io.phiscale.pipeline.image.ImageDecoder;
import io.phiscale.pipeline.image.ImageFormat;
import io.phiscale.pipeline.image.ImageShrinker;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.SoftTargets;
import java.util.Locale;
import java.util.Optional;

/**
 * Decodes images to know that they can be, and makes them smaller where the configuration asks for
 * it. Holds native memory, which {@link #close()} frees; for one thread.
 */
final class ImageCheck implements AutoCloseable {
  private final ImageDecoder decoder;
  private final Optional<ImageShrinker> shrinker;

  ImageCheck(DataSection data) {
    this.decoder = new ImageDecoder(data.maxPixels());
    this.shrinker =
        data.store().shortSide() == 0
            ? Optional.empty()
            : Optional.of(new ImageShrinker(data.store().shortSide(), data.store().jpegQuality()));
  }

  /** The image as a row of a shard, with the strongest of its labels, or why it cannot be one. */
  CheckedItem check(String key, byte[] bytes, String split, SoftTargets targets) {
    DecodeResult result = decoder.decode(bytes);
    if (result instanceof DecodeResult.Rejected rejected) {
      return new Refused(
          key, split, RejectReason.valueOf(rejected.reason().name()), rejected.detail());
    }
    int label = targets.strongest();
    try (DecodeResult.Decoded decoded = (DecodeResult.Decoded) result) {
      ColourMoments colours = ColourMoments.of(decoded);
      Optional<ImageShrinker.Smaller> smaller = shrinker.flatMap(by -> by.shrink(decoded));
      ShardRecord image =
          smaller.isPresent()
              ? ShardRecord.of(
                  key,
                  label,
                  smaller.get().bytes(),
                  smaller.get().width(),
                  smaller.get().height(),
                  ImageFormat.JPEG.id())
              : ShardRecord.of(
                  key,
                  label,
                  bytes,
                  decoded.widthPx(),
                  decoded.heightPx(),
                  decoded.format().name().toLowerCase(Locale.ROOT));
      return new Accepted(image, targets, colours);
    }
  }

  @Override
  public void close() {
    decoder.close();
    shrinker.ifPresent(ImageShrinker::close);
  }
}
