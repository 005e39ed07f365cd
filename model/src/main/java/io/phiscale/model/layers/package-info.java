/**
 * EfficientNet's layers as DL4J layers that compute through {@link
 * io.phiscale.model.kernels.Kernels}.
 *
 * <ul>
 *   <li>{@link io.phiscale.model.layers.ConvBnAct}, {@link io.phiscale.model.layers.MBConv}, {@link
 *       io.phiscale.model.layers.ClassifierHead}: configurations, JSON-serialisable by DL4J's
 *       mapper;
 *   <li>{@link io.phiscale.model.layers.KernelLayer} and its subclasses: their implementations;
 *   <li>{@link io.phiscale.model.layers.StepContext}: what the layers of one replica share:
 *       kernels, scratch, the seed of the step;
 *   <li>{@link io.phiscale.model.layers.ParameterSegment}: one named part of a layer's parameters.
 * </ul>
 *
 * <p><b>Parameters</b> are views into the network's flat vector, gradients into its flat gradient
 * vector. Running statistics of batch norm are parameters too; their gradient is what has to be
 * subtracted from them, as in DL4J's own batch norm.
 *
 * <p><b>What is kept for the backward pass</b>, per layer and in its own buffers: every
 * convolution's output before batch norm, and the statistics; outside inverted bottlenecks also
 * what batch norm and activation make of it. All else is made again, so a bottleneck keeps two
 * arrays as large as its expanded image (as bfloat16 with {@link
 * io.phiscale.model.kernels.Precision#BF16}) and one as large as its output. Two gradients as large
 * as an expanded image live in scratch that all layers of a replica share; the gradient of a
 * layer's input has its own buffer. In inference nothing is kept. All these buffers lie outside
 * ND4J's workspaces, are reused from step to step, and are overwritten by the layer's next forward
 * (or backward) pass, so a network's workspace mode must be NONE.
 *
 * <p>May depend on {@code io.phiscale.model.kernels}, {@code io.phiscale.model.spec}, ND4J and
 * DL4J.
 */
package io.phiscale.model.layers;
