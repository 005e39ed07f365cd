/** Damaged inputs, made from whole ones. */
package io.phiscale.pipeline.fuzz;
