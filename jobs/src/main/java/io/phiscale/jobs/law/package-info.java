/**
 * Scaling laws: how the error of a family of networks falls with FLOPs, parameters or images, how
 * sure that is, and what it says about a budget.
 *
 * <p>{@link io.phiscale.jobs.law.LawFit} fits one of the {@link io.phiscale.jobs.law.LawForm}s of
 * Alabdulmohsin et al. (arXiv 2209.06640) to observations; {@link
 * io.phiscale.jobs.law.ModelDataSurface} fits parameters and images together (Hoffmann et al.,
 * arXiv 2203.15556, equation 2). Depends on Commons Math, which Spark brings, and on nothing of
 * Spark.
 */
package io.phiscale.jobs.law;
