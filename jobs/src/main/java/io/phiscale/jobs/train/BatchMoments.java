package io.phiscale.jobs.train;

import java.io.Serializable;

/**
 * Means and variances of some channels over some images: of one batch, or of all of them.
 *
 * @param slice which channels of which network
 * @param examples images they are of (&gt; 0)
 * @param means one a channel
 * @param variances one a channel, biased (divided by the number of values)
 */
record BatchMoments(int slice, long examples, FloatVector means, FloatVector variances)
    implements Serializable {}
