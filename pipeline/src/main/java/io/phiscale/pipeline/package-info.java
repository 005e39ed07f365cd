/**
 * From image collections to training batches: everything about data that needs neither Spark nor a
 * network.
 *
 * <p>The packages, in the order in which data passes through them:
 *
 * <ul>
 *   <li>{@link io.phiscale.pipeline.storage}: any Hadoop file system, by URI;
 *   <li>{@link io.phiscale.pipeline.source}: image collections as they are downloaded, as labelled
 *       images;
 *   <li>{@link io.phiscale.pipeline.shard}: Parquet shards with their manifest, and the order in
 *       which an epoch visits them;
 *   <li>{@code io.phiscale.pipeline.image}: decoding and transforming one image;
 *   <li>{@code io.phiscale.pipeline.batch}: normalised batches, prepared in the background.
 * </ul>
 *
 * <p>This module may depend on Hadoop's FileSystem API, Parquet, Jackson, commons-compress and
 * OpenCV. It knows neither Spark nor ND4J nor Deeplearning4j; a test and the build hold it to that.
 */
package io.phiscale.pipeline;
