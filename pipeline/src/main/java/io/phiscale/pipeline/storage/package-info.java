/**
 * Reading and writing files wherever they are: every location is a {@link java.net.URI}, and every
 * URI is served by a Hadoop {@code FileSystem}, so that {@code file:}, {@code s3a:} and {@code
 * hdfs:} are one thing to the rest of the code.
 *
 * <p>Main types: {@link io.phiscale.pipeline.storage.Storage} (the configuration entries, shipped
 * to executors) and {@link io.phiscale.pipeline.storage.StoredFile} (one listed file).
 *
 * <p>May depend on Hadoop only, and on no other package of this module.
 */
package io.phiscale.pipeline.storage;
