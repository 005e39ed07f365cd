package io.phiscale.model.weights;

import io.phiscale.model.weights.RestrictedUnpickler.StorageReference;
import io.phiscale.model.weights.RestrictedUnpickler.TensorReference;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * State dictionaries as {@code torch.save} writes them ({@code .pth}, {@code .pt}): in a zip since
 * PyTorch 1.6, one stream before. Only tensors are read; see {@link RestrictedUnpickler}.
 *
 * <p>A dictionary that has its tensors below {@code state_dict} or {@code model}, as training
 * scripts save them, is taken too.
 *
 * <p>Source: PyTorch {@code torch/serialization.py}.
 */
public final class TorchFile {
  private static final int LONGEST_PICKLE = 16 << 20;
  private static final int LONGEST_REASON = 300;
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL_VERSION = 1001;
  private static final int ZIP_MAGIC = 0x04034b50;

  private final Path file;
  private final long fileLength;
  private long taken;

  private TorchFile(Path file, long fileLength) {
    this.file = file;
    this.fileLength = fileLength;
  }

  /**
   * Reads a file.
   *
   * @return the tensors, in the file's order
   * @throws IOException if it cannot be read, is damaged, or holds anything but tensors; the
   *     message names it and what is wrong
   */
  public static Map<String, Tensor> read(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long length = channel.size();
      TorchFile reader = new TorchFile(file, length);
      if (length < Integer.BYTES || length > Integer.MAX_VALUE) {
        throw reader.invalid(String.format("%s bytes (must be from 4 to 2^31 - 1)", length));
      }
      ByteBuffer bytes =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, length).order(ByteOrder.LITTLE_ENDIAN);
      try {
        return bytes.getInt(0) == ZIP_MAGIC ? reader.readZip() : reader.readStream(bytes);
      } catch (ZipException | EOFException e) {
        throw reader.invalid("its zip is damaged or cut off", e);
      } catch (IllegalArgumentException e) {
        throw reader.invalid(e.getMessage(), e);
      }
    }
  }

  private Map<String, Tensor> readZip() throws IOException {
    try (ZipFile zip = new ZipFile(file.toFile())) {
      ZipEntry pickle = null;
      for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
        ZipEntry entry = all.nextElement();
        if (entry.getName().equals("data.pkl") || entry.getName().endsWith("/data.pkl")) {
          pickle = entry;
          break;
        }
      }
      if (pickle == null) {
        throw invalid("no data.pkl in its zip");
      }
      String folder =
          pickle.getName().substring(0, pickle.getName().length() - "data.pkl".length());
      ZipEntry byteOrder = zip.getEntry(folder + "byteorder");
      if (byteOrder != null
          && !new String(content(zip, byteOrder, LONGEST_PICKLE), StandardCharsets.US_ASCII)
              .equals("little")) {
        throw invalid("its byte order is not little");
      }
      Map<String, TensorReference> references =
          references(unpickle(ByteBuffer.wrap(content(zip, pickle, LONGEST_PICKLE))));
      Map<String, ByteBuffer> storages = new HashMap<>();
      for (TensorReference reference : references.values()) {
        StorageReference storage = reference.storage();
        if (storages.containsKey(storage.key())) {
          continue;
        }
        ZipEntry entry = zip.getEntry(folder + "data/" + storage.key());
        if (entry == null) {
          throw invalid(String.format("storage %s is not in its zip", storage.key()));
        }
        storages.put(storage.key(), ByteBuffer.wrap(content(zip, entry, fileLength)));
      }
      return tensors(references, storages);
    }
  }

  /** Uncompressed entries only, as PyTorch writes: none is larger than the file. */
  private byte[] content(ZipFile zip, ZipEntry entry, long most) throws IOException {
    if (entry.getMethod() != ZipEntry.STORED) {
      throw invalid(String.format("entry %s of its zip is compressed", entry.getName()));
    }
    if (entry.getSize() < 0 || entry.getSize() > Math.min(most, fileLength)) {
      throw invalid(
          String.format("entry %s of its zip has %s bytes", entry.getName(), entry.getSize()));
    }
    take(entry.getSize());
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] content = in.readNBytes((int) entry.getSize());
      if (content.length != entry.getSize()) {
        throw invalid(String.format("entry %s of its zip is cut off", entry.getName()));
      }
      return content;
    }
  }

  /** Entries and tensors may overlap in a hostile file; all of them together may not exceed it. */
  private void take(long bytes) throws IOException {
    taken += bytes;
    if (taken > fileLength) {
      throw invalid("its parts together are larger than itself");
    }
  }

  private Map<String, Tensor> readStream(ByteBuffer bytes) throws IOException {
    if ((bytes.get(0) & 0xff) != 0x80 || !MAGIC.equals(unpickle(bytes))) {
      throw invalid("it does not begin as torch.save begins");
    }
    if (!Long.valueOf(PROTOCOL_VERSION).equals(unpickle(bytes))) {
      throw invalid("its version of torch.save is not 1001");
    }
    if (!(unpickle(bytes) instanceof Map<?, ?> system)
        || !Boolean.TRUE.equals(system.get("little_endian"))) {
      throw invalid("its byte order is not little");
    }
    Map<String, TensorReference> references = references(unpickle(bytes));
    if (!(unpickle(bytes) instanceof List<?> keys)) {
      throw invalid("it has no list of storages");
    }
    Map<String, StorageReference> known = new HashMap<>();
    references.values().forEach(tensor -> known.put(tensor.storage().key(), tensor.storage()));
    Map<String, ByteBuffer> storages = new HashMap<>();
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    for (Object key : keys) {
      StorageReference storage = known.get(String.valueOf(key instanceof String ? key : null));
      if (storage == null) {
        throw invalid("it lists a storage that no tensor has");
      }
      long elements = bytes.remaining() < Long.BYTES ? -1 : bytes.getLong();
      if (elements < 0 || elements > bytes.remaining() / storage.type().bytes()) {
        throw invalid(String.format("storage %s is cut off", storage.key()));
      }
      int size = (int) elements * storage.type().bytes();
      storages.put(storage.key(), bytes.slice(bytes.position(), size));
      bytes.position(bytes.position() + size);
    }
    return tensors(references, storages);
  }

  private Object unpickle(ByteBuffer bytes) throws IOException {
    int limit = bytes.limit();
    bytes.limit((int) Math.min(limit, (long) bytes.position() + LONGEST_PICKLE));
    try {
      return RestrictedUnpickler.read(bytes);
    } catch (IOException e) {
      throw invalid(e.getMessage(), e);
    } finally {
      bytes.limit(limit);
    }
  }

  private Map<String, TensorReference> references(Object top) throws IOException {
    if (!(top instanceof Map<?, ?> dictionary)) {
      throw invalid("it holds no dictionary of tensors");
    }
    for (String key : List.of("state_dict", "model")) {
      if (dictionary.get(key) instanceof Map<?, ?> inner) {
        dictionary = inner;
        break;
      }
    }
    Map<String, TensorReference> references = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : dictionary.entrySet()) {
      if (!(entry.getKey() instanceof String name)
          || !(entry.getValue() instanceof TensorReference reference)) {
        throw invalid(String.format("what it holds as %s is no tensor", entry.getKey()));
      }
      references.put(name, reference);
    }
    return references;
  }

  private Map<String, Tensor> tensors(
      Map<String, TensorReference> references, Map<String, ByteBuffer> storages)
      throws IOException {
    taken = 0;
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, TensorReference> entry : references.entrySet()) {
      tensors.put(entry.getKey(), tensor(entry.getKey(), entry.getValue(), storages));
    }
    return tensors;
  }

  private Tensor tensor(String name, TensorReference reference, Map<String, ByteBuffer> storages)
      throws IOException {
    StorageReference storage = reference.storage();
    ByteBuffer source = storages.get(storage.key());
    if (source == null) {
      throw invalid(String.format("storage %s of tensor %s is not there", storage.key(), name));
    }
    List<Integer> shape = new ArrayList<>();
    long last = reference.offset();
    boolean inside = reference.offset() >= 0 && reference.offset() <= Integer.MAX_VALUE;
    inside &= reference.stride().size() == reference.shape().size();
    for (int i = 0; inside && i < reference.shape().size(); i++) {
      long size = reference.shape().get(i);
      long stride = reference.stride().get(i);
      inside = size >= 0 && size <= Integer.MAX_VALUE && stride >= 0 && stride <= Integer.MAX_VALUE;
      last += Math.max(0, size - 1) * stride;
      inside &= last <= Integer.MAX_VALUE;
      shape.add((int) size);
    }
    int width = storage.type().bytes();
    if (!inside || (last + 1) * width > source.limit()) {
      throw invalid(
          String.format(
              "tensor %s of shape %s reaches out of its storage %s",
              name, reference.shape(), storage.key()));
    }
    int elements = (int) Tensor.elements(shape);
    take((long) elements * width);
    ByteBuffer dense = ByteBuffer.allocate(elements * width);
    int[] index = new int[shape.size()];
    long at = reference.offset();
    for (int i = 0; i < elements; i++) {
      dense.put(i * width, source, (int) at * width, width);
      for (int axis = shape.size() - 1; axis >= 0; axis--) {
        at += reference.stride().get(axis);
        if (++index[axis] < shape.get(axis)) {
          break;
        }
        at -= reference.stride().get(axis) * index[axis];
        index[axis] = 0;
      }
    }
    return new Tensor(storage.type(), shape, dense);
  }

  private IOException invalid(String what) {
    return invalid(what, null);
  }

  private IOException invalid(String what, Throwable cause) {
    return new IOException(
        String.format(
            "Cannot read %s: not a whole file of torch.save: %s",
            file, Printable.of(what, LONGEST_REASON)),
        cause);
  }
}
