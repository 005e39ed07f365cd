/**
 * The configuration of a run: HOCON files and {@code --set} overrides, layered over one resource of
 * defaults ({@code phiscale-defaults.conf}), bound to records that validate.
 *
 * <p>Main types: {@link io.phiscale.jobs.config.ConfigurationLoader} layers and binds, {@link
 * io.phiscale.jobs.config.PhiscaleConfiguration} is the result, {@link
 * io.phiscale.jobs.config.ConfigurationException} lists every problem at once.
 *
 * <p>May depend on: the JDK and Typesafe config. Neither Spark nor any other package of Phiscale,
 * so that a configuration is checked before anything heavy starts.
 */
package io.phiscale.jobs.config;
