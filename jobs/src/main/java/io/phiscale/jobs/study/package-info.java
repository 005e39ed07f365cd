/**
 * Studies: one network per compound coefficient, trained and evaluated alike, in one table.
 *
 * <p>{@link io.phiscale.jobs.study.StudyJob} runs the cells; {@link
 * io.phiscale.jobs.study.ReportFiles} writes tables and report.
 */
package io.phiscale.jobs.study;
