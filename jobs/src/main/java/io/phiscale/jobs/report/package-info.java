/**
 * The evaluation report: one row per evaluated network, its learning curves and where they came
 * from, written as CSV, Markdown, a console table and one self-contained HTML page.
 *
 * <p>Main types: {@link io.phiscale.jobs.report.EvaluationReport} (the values and their four
 * forms), {@link io.phiscale.jobs.report.NetworkResult} (one row), {@link
 * io.phiscale.jobs.report.LearningCurve}, {@link io.phiscale.jobs.report.WilsonInterval} (how sure
 * an accuracy is), {@link io.phiscale.jobs.report.ReportWriter} (the report as files) and {@link
 * io.phiscale.jobs.report.LineChart} (what notebooks draw with).
 *
 * <p>Depends on the JDK, Jackson, SLF4J, the chart library and {@link io.phiscale.jobs.law} only:
 * no Spark, no Hadoop. Everything here is a pure function of the report: the same report gives the
 * same bytes, but for PNGs, which look as the fonts of the machine do.
 */
package io.phiscale.jobs.report;
