package io.phiscale.model.weights;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The part of Python's pickle, protocols 2 to 5, of which PyTorch's state dictionaries are made:
 * dictionaries, lists, tuples, strings, numbers and tensors. Anything that would call a function of
 * another name is refused, so a file can do nothing but hold data.
 *
 * <p>A stack machine without recursion; its memory grows with the length of the input only, and the
 * number of operations is bounded.
 *
 * <p>Source: CPython {@code Lib/pickletools.py}; PyTorch {@code torch/_utils.py}.
 */
final class RestrictedUnpickler {
  /** A state dictionary of B7 has less than 100,000, with an optimizer's state thrice that. */
  private static final int MOST_OPERATIONS = 1 << 21;

  /** PyTorch's own limit. */
  private static final int MOST_DIMENSIONS = 64;

  private static final Object MARK = new Object();
  private static final Object NONE = new Object();

  private static final Map<String, ElementType> STORAGES =
      Map.ofEntries(
          Map.entry("torch.DoubleStorage", ElementType.F64),
          Map.entry("torch.FloatStorage", ElementType.F32),
          Map.entry("torch.HalfStorage", ElementType.F16),
          Map.entry("torch.BFloat16Storage", ElementType.BF16),
          Map.entry("torch.LongStorage", ElementType.I64),
          Map.entry("torch.IntStorage", ElementType.I32),
          Map.entry("torch.ShortStorage", ElementType.I16),
          Map.entry("torch.CharStorage", ElementType.I8),
          Map.entry("torch.ByteStorage", ElementType.U8),
          Map.entry("torch.BoolStorage", ElementType.BOOL));

  /** A function or class that may be named. */
  private enum Callable {
    ORDERED_DICT,
    REBUILD_TENSOR,
    REBUILD_PARAMETER
  }

  /**
   * Where a tensor's elements lie.
   *
   * @param key name of the storage in the file
   * @param elements of the whole storage
   */
  record StorageReference(ElementType type, String key, long elements) {}

  /**
   * A view of a storage.
   *
   * @param offset of its first element
   * @param stride in elements
   */
  record TensorReference(
      StorageReference storage, long offset, List<Long> shape, List<Long> stride) {}

  private final ByteBuffer input;
  private final List<Object> stack = new ArrayList<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  private RestrictedUnpickler(ByteBuffer input) {
    this.input = input;
  }

  /**
   * Reads one object and leaves the buffer behind it: a {@link Map} of strings, a {@link List}, a
   * {@link String}, {@link Long}, {@link BigInteger}, {@link Double}, {@link Boolean}, a {@link
   * StorageReference} or {@link TensorReference}.
   *
   * @throws IOException saying what is wrong, without the file's name
   */
  static Object read(ByteBuffer input) throws IOException {
    try {
      input.order(ByteOrder.LITTLE_ENDIAN);
      return new RestrictedUnpickler(input).run();
    } catch (BufferUnderflowException e) {
      throw new IOException("its pickle is cut off", e);
    } catch (ClassCastException | IndexOutOfBoundsException e) {
      throw new IOException("its pickle is not well formed", e);
    }
  }

  private Object run() throws IOException {
    for (int operations = 0; operations < MOST_OPERATIONS; operations++) {
      int code = input.get() & 0xff;
      switch (code) {
        case 0x80 -> protocol(input.get());
        case 0x95 -> input.getLong();
        case '.' -> {
          return pop();
        }
        case '(' -> push(MARK);
        case 'N' -> push(NONE);
        case 0x88 -> push(true);
        case 0x89 -> push(false);
        case 'J' -> push((long) input.getInt());
        case 'K' -> push((long) (input.get() & 0xff));
        case 'M' -> push((long) (input.getShort() & 0xffff));
        case 0x8a -> push(wholeNumber(input.get() & 0xff));
        case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(input.getLong())));
        case 'X' -> push(text(input.getInt()));
        case 'T' -> push(text(input.getInt()));
        case 0x8c, 'U' -> push(text(input.get() & 0xff));
        case '}' -> push(new LinkedHashMap<Object, Object>());
        case ']', ')' -> push(new ArrayList<>());
        case 't' -> push(popToMark());
        case 0x85 -> push(popLast(1));
        case 0x86 -> push(popLast(2));
        case 0x87 -> push(popLast(3));
        case 'a' -> append(popLast(1));
        case 'e' -> append(popToMark());
        case 's' -> setItems(popLast(2));
        case 'u' -> setItems(popToMark());
        case 'q' -> memo.put(input.get() & 0xff, top());
        case 'r' -> memo.put(input.getInt(), top());
        case 0x94 -> memo.put(memo.size(), top());
        case 'h' -> push(remembered(input.get() & 0xff));
        case 'j' -> push(remembered(input.getInt()));
        case 'c' -> push(global(line() + "." + line()));
        case 0x93 -> {
          List<Object> names = popLast(2);
          push(global((String) names.get(0) + "." + (String) names.get(1)));
        }
        case 'Q' -> push(storage((List<?>) pop()));
        case 'R' -> {
          List<?> arguments = (List<?>) pop();
          push(call((Callable) pop(), arguments));
        }
        // Attributes of a dictionary, such as the versions of modules: of no use here.
        case 'b' -> {
          pop();
          if (!(top() instanceof Map)) {
            throw new IOException("its pickle sets attributes of what is not a dictionary");
          }
        }
        default ->
            throw new IOException(
                String.format("its pickle has operation 0x%02x, which no tensor needs", code));
      }
    }
    throw new IOException(String.format("its pickle has more than %s operations", MOST_OPERATIONS));
  }

  private static void protocol(int version) throws IOException {
    if (version < 2 || version > 5) {
      throw new IOException(
          String.format("its pickle is of protocol %s (must be from 2 to 5)", version));
    }
  }

  private void push(Object value) {
    stack.add(value);
  }

  private Object pop() {
    return stack.remove(stack.size() - 1);
  }

  private Object top() {
    return stack.get(stack.size() - 1);
  }

  private List<Object> popLast(int count) {
    List<Object> tail = stack.subList(stack.size() - count, stack.size());
    List<Object> values = new ArrayList<>(tail);
    tail.clear();
    return values;
  }

  private List<Object> popToMark() {
    int mark = stack.lastIndexOf(MARK);
    List<Object> values = new ArrayList<>(stack.subList(mark + 1, stack.size()));
    stack.subList(mark, stack.size()).clear();
    return values;
  }

  private Object remembered(int key) throws IOException {
    Object value = memo.get(key);
    if (value == null) {
      throw new IOException("its pickle recalls what it has not stored");
    }
    return value;
  }

  private String text(int length) throws IOException {
    return new String(bytes(length), StandardCharsets.UTF_8);
  }

  private Object wholeNumber(int length) throws IOException {
    byte[] bytes = bytes(length);
    for (int i = 0; i < length / 2; i++) {
      byte swapped = bytes[i];
      bytes[i] = bytes[length - 1 - i];
      bytes[length - 1 - i] = swapped;
    }
    BigInteger number = length == 0 ? BigInteger.ZERO : new BigInteger(bytes);
    return number.bitLength() < Long.SIZE ? (Object) number.longValue() : number;
  }

  private byte[] bytes(int length) throws IOException {
    if (length < 0 || length > input.remaining()) {
      throw new IOException("its pickle is cut off");
    }
    byte[] bytes = new byte[length];
    input.get(bytes);
    return bytes;
  }

  private String line() {
    StringBuilder line = new StringBuilder();
    for (byte next = input.get(); next != '\n'; next = input.get()) {
      line.append((char) (next & 0xff));
    }
    return line.toString();
  }

  @SuppressWarnings("unchecked") // Every list and map on the stack was made here, of objects.
  private void append(List<Object> values) {
    ((List<Object>) top()).addAll(values);
  }

  @SuppressWarnings("unchecked") // As above.
  private void setItems(List<Object> pairs) throws IOException {
    Map<Object, Object> map = (Map<Object, Object>) top();
    for (int i = 0; i < pairs.size(); i += 2) {
      if (!(pairs.get(i) instanceof String) && !(pairs.get(i) instanceof Long)) {
        throw new IOException("its pickle has a key that is neither a string nor a number");
      }
      map.put(pairs.get(i), pairs.get(i + 1));
    }
  }

  private static Object global(String name) throws IOException {
    ElementType storage = STORAGES.get(name);
    if (storage != null) {
      return storage;
    }
    return switch (name) {
      case "collections.OrderedDict" -> Callable.ORDERED_DICT;
      case "torch._utils._rebuild_tensor_v2" -> Callable.REBUILD_TENSOR;
      case "torch._utils._rebuild_parameter" -> Callable.REBUILD_PARAMETER;
      default ->
          throw new IOException(
              String.format(
                  "its pickle names %s, and only tensors are read, nothing is run",
                  Printable.name(name)));
    };
  }

  /** ("storage", type, key, location, elements), and in older files the view, which is None. */
  private static StorageReference storage(List<?> id) throws IOException {
    if (id.size() < 5
        || !"storage".equals(id.get(0))
        || !(id.get(1) instanceof ElementType type)
        || !(id.get(2) instanceof String key)
        || !(id.get(4) instanceof Long elements)
        || (id.size() > 5 && id.get(5) != NONE)) {
      throw new IOException("its pickle refers to what is not a typed storage");
    }
    return new StorageReference(type, key, elements);
  }

  private static Object call(Callable callable, List<?> arguments) throws IOException {
    return switch (callable) {
      case ORDERED_DICT -> {
        if (!arguments.isEmpty()) {
          throw new IOException("its pickle makes a dictionary of arguments");
        }
        yield new LinkedHashMap<Object, Object>();
      }
      case REBUILD_PARAMETER -> (TensorReference) arguments.get(0);
      case REBUILD_TENSOR ->
          new TensorReference(
              (StorageReference) arguments.get(0),
              (Long) arguments.get(1),
              numbers((List<?>) arguments.get(2)),
              numbers((List<?>) arguments.get(3)));
    };
  }

  private static List<Long> numbers(List<?> values) throws IOException {
    if (values.size() > MOST_DIMENSIONS) {
      throw new IOException(
          String.format("its pickle has a tensor of more than %s dimensions", MOST_DIMENSIONS));
    }
    return values.stream().map(Long.class::cast).toList();
  }
}
