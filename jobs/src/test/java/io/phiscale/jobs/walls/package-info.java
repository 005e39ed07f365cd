/** Tests of the structure of the whole project: its modules and its launcher. */
package io.phiscale.jobs.walls;
