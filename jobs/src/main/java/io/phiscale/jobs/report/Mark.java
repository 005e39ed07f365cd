package io.phiscale.jobs.report;

import java.util.Optional;

/**
 * One point of a plot.
 *
 * @param label the name that stands beside it where there is room
 * @param ink its colour
 * @param explanation what it says when pointed at
 */
record Mark(Optional<String> label, Ink ink, String explanation) {}
