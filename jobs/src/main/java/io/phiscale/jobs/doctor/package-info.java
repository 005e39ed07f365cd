/**
 * Looks at everything that a job will need before one is started: {@link
 * io.phiscale.jobs.doctor.Doctor}.
 */
package io.phiscale.jobs.doctor;
