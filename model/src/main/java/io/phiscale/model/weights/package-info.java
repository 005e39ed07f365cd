/**
 * Weights of other libraries, by name: {@link io.phiscale.model.weights.SafeTensors} and {@link
 * io.phiscale.model.weights.TorchFile} read files, {@link io.phiscale.model.weights.TorchWeights}
 * carries tensors with torchvision's or timm's names over to our flat parameter vector and back.
 *
 * <p>Files are not trusted: sizes are checked before memory is taken, and nothing in a file is run.
 *
 * <p>May use {@code spec}, {@code layers}, {@code network} and {@code train}; of libraries ND4J's
 * copy of Jackson.
 */
package io.phiscale.model.weights;
