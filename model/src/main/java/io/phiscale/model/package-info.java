/**
 * Networks and what trains them, without Spark, Hadoop or the data pipeline.
 *
 * <ul>
 *   <li>{@link io.phiscale.model.scaling}: compound scaling and the published B0 to B7
 *       coefficients;
 *   <li>{@link io.phiscale.model.spec}: one concrete network as a value: blocks, counts, summary;
 *   <li>{@code io.phiscale.model.kernels}: the arithmetic of the layers, one interface per backend;
 *   <li>{@code io.phiscale.model.layers}, {@code io.phiscale.model.network}: the DL4J layers and
 *       the graph that a specification becomes;
 *   <li>{@link io.phiscale.model.train}: optimizers, schedules and averages on flat vectors, and
 *       the replica that steps a network with them;
 *   <li>{@link io.phiscale.model.weights}: weights of torchvision and timm by name, files of them.
 * </ul>
 *
 * <p>{@code scaling}, {@code spec} and the flat-vector part of {@code train} are plain Java; only
 * {@code kernels}, {@code layers}, {@code network} and the replica may use ND4J and DL4J.
 *
 * <p>All images and activations are NHWC (batch, height, width, channels), float32.
 */
package io.phiscale.model;
