/**
 * How long the parts of a training step take: {@link io.phiscale.model.benchmark.KernelsBenchmark}.
 *
 * <p>Depends on the specification and the kernels.
 */
package io.phiscale.model.benchmark;
