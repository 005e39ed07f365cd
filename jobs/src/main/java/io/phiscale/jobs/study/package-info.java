/**
 * Studies: networks that differ along axes, trained and evaluated alike, in one table.
 *
 * <p>{@link io.phiscale.jobs.study.StudyPlan} lays out the {@link io.phiscale.jobs.study.StudyCell
 * cells}: φ along compound scaling or along one axis at equal multiply-adds, or a grid of α, β, γ,
 * times seeds, data fractions and budgets. {@link io.phiscale.jobs.study.StudyJob} runs those that
 * are missing, or forecasts what they cost; {@link io.phiscale.jobs.study.SettingTable} takes the
 * mean over seeds and compares; {@link io.phiscale.jobs.study.ReportFiles} writes tables and
 * report.
 */
package io.phiscale.jobs.study;
