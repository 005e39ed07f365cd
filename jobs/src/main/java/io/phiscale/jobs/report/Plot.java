package io.phiscale.jobs.report;

import org.jfree.chart.JFreeChart;

/**
 * One plot, not yet drawn.
 *
 * @param name file name without extension, and prefix of the ids in the drawing
 * @param title what it shows, in a few words
 * @param hint how to read it, one sentence
 * @param description what a reader who does not see it must know
 * @param chart the chart; its colours are from {@code inkwell}
 * @param inkwell what the colours stand for
 */
record Plot(
    String name,
    String title,
    String hint,
    String description,
    JFreeChart chart,
    Inkwell inkwell) {}
