package io.phiscale.jobs.law;

/**
 * A fitted number.
 *
 * @param name as in the law's formula
 * @param value the estimate
 * @param interval its 95% bootstrap interval (percentiles)
 */
public record Coefficient(String name, double value, Interval interval) {}
