/**
 * How long steps take: {@link io.phiscale.model.benchmark.StepBenchmark} times whole ones and says
 * what their time goes to, {@link io.phiscale.model.benchmark.KernelsBenchmark} times each kernel
 * call of one by itself.
 *
 * <p>Depends on the specification, the kernels, the networks and what trains them.
 */
package io.phiscale.model.benchmark;
