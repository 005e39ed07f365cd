package io.phiscale.jobs.run;

import io.phiscale.jobs.report.PhiKind;
import java.io.Serializable;

/**
 * How a network came about, for tables.
 *
 * @param name name in tables and directories, e.g. {@code phi-1}
 * @param phi the compound coefficient, or NaN
 * @param phiKind computed, nominal or none
 * @param width channel multiplier
 * @param depth layer multiplier
 */
public record NetworkIdentity(String name, double phi, PhiKind phiKind, double width, double depth)
    implements Serializable {}
