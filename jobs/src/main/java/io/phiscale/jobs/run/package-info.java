/**
 * What a run leaves behind: its directory, checkpoints, metrics and provenance.
 *
 * <p>Everything lies on a Hadoop file system. Whatever a reader looks at first is written last
 * ({@link io.phiscale.jobs.run.CheckpointStore} publishes a pointer), so a run that dies leaves
 * nothing that looks whole and is not.
 */
package io.phiscale.jobs.run;
