/**
 * Image collections as they are downloaded, read as labelled images: folders, flat folders and
 * tars, without unpacking them.
 *
 * <p>Main types: {@link io.phiscale.pipeline.source.DatasetSource} (a collection: its label space
 * and its splits, the units of parallel reading), {@link io.phiscale.pipeline.source.SourceItem} (a
 * labelled image, or what was wrong with an item), and one implementation per layout: {@link
 * io.phiscale.pipeline.source.ClassFolderSource}, {@link
 * io.phiscale.pipeline.source.NamePrefixSource}, {@link
 * io.phiscale.pipeline.source.ImageNetTarSource}, {@link
 * io.phiscale.pipeline.source.FlatValidationSource}.
 *
 * <p>May depend on {@code storage}, on the vocabulary in {@code shard} (label space, reject
 * reasons) and commons-compress. Nothing here looks into image bytes.
 */
package io.phiscale.pipeline.source;
