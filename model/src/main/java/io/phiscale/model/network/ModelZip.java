package io.phiscale.model.network;

import io.phiscale.model.kernels.Views;
import io.phiscale.model.spec.NetworkSpec;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A network as the zip of DL4J's own {@link ModelSerializer}: {@code configuration.json} and {@code
 * coefficients.bin}, which {@code ModelSerializer.restoreComputationGraph} restores where this
 * library is on the class path, and an entry of ours that says what it is.
 *
 * <p>The graph's updater is {@code NoOp} and no updater state is in it: ours have other semantics
 * than DL4J's (where the rate enters the momentum, where epsilon stands), so none maps.
 */
public final class ModelZip {
  private static final String COEFFICIENTS = "coefficients.bin";
  private static final String DESCRIPTION = "phiscale.json";

  private ModelZip() {}

  /**
   * Writes one.
   *
   * @param parameters the flat vector, running statistics included
   * @param description what {@link #description} gives back
   */
  public static void write(
      OutputStream out, NetworkSpec spec, float[] parameters, String description)
      throws IOException {
    Path folder = Files.createTempDirectory("phiscale-zip");
    Path file = folder.resolve("network.zip");
    try {
      ComputationGraph graph = EfficientNets.build(spec, 0);
      try {
        if (graph.numParams() != parameters.length) {
          throw new IllegalArgumentException(
              String.format(
                  "Invalid number of parameters: %s (%s has %s)",
                  parameters.length, spec.name(), graph.numParams()));
        }
        graph.setParams(Nd4j.createFromArray(parameters).reshape(1, parameters.length));
        ModelSerializer.writeModel(graph, file.toFile(), false);
      } finally {
        graph.close();
      }
      // Not in a folder: ModelSerializer refuses zips with entries for folders.
      try (FileSystem zip = FileSystems.newFileSystem(file)) {
        Files.writeString(zip.getPath(DESCRIPTION), description);
      }
      Files.copy(file, out);
    } finally {
      Files.deleteIfExists(file);
      Files.delete(folder);
    }
  }

  /**
   * What {@link #write} was told about the network.
   *
   * @throws IOException if the file is no such zip
   */
  public static String description(Path file) throws IOException {
    try (ZipFile zip = open(file)) {
      ZipEntry entry = zip.getEntry(DESCRIPTION);
      if (entry == null) {
        throw new IOException(
            String.format(
                "Cannot read %s: it has no entry %s, so it was not exported by convert",
                file, DESCRIPTION));
      }
      return new String(zip.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /**
   * The flat vector. Only numbers are read: the graph that the zip describes is not built, and no
   * class that it names is loaded.
   *
   * @param spec the network it must be of
   * @throws IOException if the file is damaged, or of another network
   */
  public static float[] parameters(Path file, NetworkSpec spec) throws IOException {
    long expected = EfficientNets.parameterLayout(spec).length();
    try (ZipFile zip = open(file)) {
      ZipEntry entry = zip.getEntry(COEFFICIENTS);
      if (entry == null) {
        throw new IOException(
            String.format("Cannot read %s: it has no entry %s", file, COEFFICIENTS));
      }
      INDArray values;
      try (DataInputStream in =
          new DataInputStream(new BufferedInputStream(zip.getInputStream(entry)))) {
        values = Nd4j.read(in);
      } catch (RuntimeException e) {
        throw new IOException(
            String.format("Cannot read %s: %s is damaged", file, COEFFICIENTS), e);
      }
      if (values.length() != expected) {
        throw new IOException(
            String.format(
                "Cannot read %s: %s values (%s has %s)",
                file, values.length(), spec.name(), expected));
      }
      return Views.flat(values).toFloatVector();
    }
  }

  private static ZipFile open(Path file) throws IOException {
    try {
      return new ZipFile(file.toFile());
    } catch (ZipException e) {
      throw new IOException(String.format("Cannot read %s: not a whole zip file", file), e);
    }
  }
}
