package io.phiscale.jobs.run;

import io.phiscale.model.weights.SafeTensors;
import io.phiscale.model.weights.Tensor;
import io.phiscale.model.weights.TorchFile;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Tensors of a {@code .safetensors}, {@code .pth} or {@code .pt} file on any file system.
 *
 * @param tensors by name, in the file's order
 * @param sha256 digest of the file, hex
 */
public record WeightsFile(Map<String, Tensor> tensors, String sha256) {
  private static final List<String> ENDINGS = List.of(".safetensors", ".pth", ".pt");

  public WeightsFile {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /** Whether a place is named like such a file. */
  public static boolean isNamedLikeOne(URI place) {
    String name = place.getPath().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /**
   * Reads one; what is not local is copied to a temporary file first. Of a {@code .pth} only
   * tensors are read; nothing in it is run.
   *
   * @throws IOException if it cannot be read or is damaged
   */
  public static WeightsFile read(Storage storage, URI place) throws IOException {
    return storage.within("Cannot read", place, () -> readAll(storage, place));
  }

  private static WeightsFile readAll(Storage storage, URI place) throws IOException {
    if ("file".equals(place.getScheme())) {
      Path file = Path.of(place);
      Map<String, Tensor> tensors = tensors(file);
      try (InputStream in = Files.newInputStream(file)) {
        return new WeightsFile(tensors, transfer(in, OutputStream.nullOutputStream()));
      }
    }
    Path folder = Files.createTempDirectory("phiscale-weights");
    Path copy = folder.resolve(Path.of(place.getPath()).getFileName().toString());
    try {
      String sha256;
      try (InputStream in = storage.open(place);
          OutputStream out = Files.newOutputStream(copy)) {
        sha256 = transfer(in, out);
      }
      return new WeightsFile(tensors(copy), sha256);
    } finally {
      Files.deleteIfExists(copy);
      Files.delete(folder);
    }
  }

  private static Map<String, Tensor> tensors(Path file) throws IOException {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(".safetensors")
        ? SafeTensors.read(file)
        : TorchFile.read(file);
  }

  /** Copies everything and gives its SHA-256. */
  private static String transfer(InputStream in, OutputStream out) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
    new DigestInputStream(in, digest).transferTo(out);
    return HexFormat.of().formatHex(digest.digest());
  }
}
