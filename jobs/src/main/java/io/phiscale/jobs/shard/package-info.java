/**
 * The sharding job: an image collection becomes checked, shuffled Parquet shards and a manifest.
 *
 * <p>{@link io.phiscale.jobs.shard.ShardJob} is the driver's side; {@link
 * io.phiscale.jobs.shard.CheckImages} decodes every image once on the executors; {@link
 * io.phiscale.jobs.shard.Placement} says where in the shards an item goes.
 */
package io.phiscale.jobs.shard;
