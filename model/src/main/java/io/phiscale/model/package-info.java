/** Placeholder. */
package io.phiscale.model;
