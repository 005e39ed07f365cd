/**
 * The command line {@code phiscale}: parses, loads the configuration, calls a job, and turns every
 * outcome into one clear line and an exit code.
 *
 * <p>Main types: {@link io.phiscale.jobs.cli.Phiscale} (main class), {@link
 * io.phiscale.jobs.cli.JobRunner} (what the commands call), {@link io.phiscale.jobs.cli.Console}
 * (where jobs print).
 *
 * <p>May depend on everything; nothing may depend on it. Spark is not started for {@code --help},
 * {@code --version} and {@code summary}, which answer at once, nor for {@code bench} and {@code
 * convert}.
 */
package io.phiscale.jobs.cli;
