/**
 * What lies in a sharded data set, for people: {@link io.phiscale.jobs.dataset.DatasetTable} (from
 * the manifest), {@link io.phiscale.jobs.dataset.VerifyJob} (every checksum, in parallel), {@link
 * io.phiscale.jobs.dataset.ContactSheet} (pictures).
 */
package io.phiscale.jobs.dataset;
