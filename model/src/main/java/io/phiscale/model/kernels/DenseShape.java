package io.phiscale.model.kernels;

/**
 * A dense layer.
 *
 * @param batch N, > 0
 * @param inputs values per example, > 0
 * @param outputs scores per example, > 0
 */
public record DenseShape(int batch, int inputs, int outputs) {

  public DenseShape {
    ImageShape.checkPositive("batch size", batch);
    ImageShape.checkPositive("number of inputs", inputs);
    ImageShape.checkPositive("number of outputs", outputs);
  }
}
