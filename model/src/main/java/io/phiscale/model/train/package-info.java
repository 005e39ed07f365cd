/**
 * What changes a network's parameters: optimizers, schedules, clipping and moving averages, all on
 * one flat vector of parameters, and the replica that binds them to a network.
 */
package io.phiscale.model.train;
