package io.phiscale.jobs.shard;

import io.phiscale.pipeline.image.ColourMoments;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.SoftTargets;
import java.io.Serializable;

/** An item of the collection after it was looked at. */
sealed interface CheckedItem extends Serializable {

  /**
   * An image that decodes, with its label.
   *
   * @param image as it is stored, with the label of the largest weight
   * @param targets all its labels
   * @param colours of the image as it came
   */
  record Accepted(ShardRecord image, SoftTargets targets, ColourMoments colours)
      implements CheckedItem {}

  /**
   * An item that cannot be used: a row of the rejects table.
   *
   * @param key the item's key
   * @param split the split it would have belonged to
   * @param reason why it was rejected
   * @param detail what exactly was wrong
   */
  record Refused(String key, String split, RejectReason reason, String detail)
      implements CheckedItem {}
}
