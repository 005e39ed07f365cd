/**
 * How a base network grows: {@link io.phiscale.model.scaling.CompoundScaling} (α, β, γ at a
 * coefficient φ), the hand-rounded published coefficients of {@link
 * io.phiscale.model.scaling.EfficientNetVariant}, and the {@link
 * io.phiscale.model.scaling.ScalingRounding rules} that turn real-valued coefficients into whole
 * channels and repeats.
 *
 * <p>Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
 * Networks", arXiv 1905.11946v5, section 3.3. Depends on nothing but the JDK.
 */
package io.phiscale.model.scaling;
