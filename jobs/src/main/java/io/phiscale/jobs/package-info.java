/** Placeholder. */
package io.phiscale.jobs;
