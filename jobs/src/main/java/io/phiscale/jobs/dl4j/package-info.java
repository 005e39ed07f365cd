/**
 * The parameter-averaging trainer for programs written against dl4j-spark: {@link
 * io.phiscale.jobs.dl4j.PhiscaleTrainingMaster} stands where Deeplearning4j's {@code
 * ParameterAveragingTrainingMaster} stood. Depends on {@code train} for rounds, slices and their
 * averaging, and on nothing else of the jobs.
 */
package io.phiscale.jobs.dl4j;
