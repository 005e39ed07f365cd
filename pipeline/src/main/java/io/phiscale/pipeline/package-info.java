/** Placeholder. */
package io.phiscale.pipeline;
