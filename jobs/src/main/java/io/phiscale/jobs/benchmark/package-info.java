/** What Spark's part of training costs: {@code phiscale bench averaging}. */
package io.phiscale.jobs.benchmark;
