/**
 * Data sets as Parquet shards with one manifest, and the order in which an epoch visits them.
 *
 * <p>Main types: {@link io.phiscale.pipeline.shard.ShardManifest} (what a sharded data set
 * contains, read from and written to {@code manifest.json}), {@link
 * io.phiscale.pipeline.shard.ShardRecord} (one stored image), {@link
 * io.phiscale.pipeline.shard.RowGroupReader}, {@link io.phiscale.pipeline.shard.ShardFiles} (what a
 * shard's footer says), {@link io.phiscale.pipeline.shard.EpochOrder} with {@link
 * io.phiscale.pipeline.shard.ShardSamples} (the shuffled samples of one epoch, cut anywhere), and
 * the vocabulary shared with the sources: {@link io.phiscale.pipeline.shard.LabelSpace} and {@link
 * io.phiscale.pipeline.shard.RejectReason}.
 *
 * <p>May depend on {@code storage}, Parquet, Hadoop and Jackson.
 */
package io.phiscale.pipeline.shard;
