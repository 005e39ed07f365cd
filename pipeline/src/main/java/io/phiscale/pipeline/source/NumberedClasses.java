package io.phiscale.pipeline.source;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.stream.IntStream;

/**
 * Classes that records give as numbers or as names.
 *
 * @param list what the numbers mean, if there is a list
 * @param first the number of the first class
 */
record NumberedClasses(Optional<LabelSpace> list, int first) {
  /** More classes than this are no classes but identifiers. */
  private static final int MAX_CLASSES = 10_000_000;

  /** With the list of a file, or without one where it is null. */
  static NumberedClasses read(Storage storage, URI list, int first) throws IOException {
    return new NumberedClasses(
        list == null ? Optional.empty() : Optional.of(ClassList.read(storage, list)), first);
  }

  /** The name of the class with a number, or empty if the list has none. */
  Optional<String> named(long number) {
    if (list.isEmpty()) {
      return number < first || number - first >= MAX_CLASSES
          ? Optional.empty()
          : Optional.of(Long.toString(number));
    }
    long label = number - first;
    return label < 0 || label >= list.get().size()
        ? Optional.empty()
        : Optional.of(list.get().name((int) label));
  }

  /** The class that a text means: a name of the list, a number, or without list any text. */
  Optional<String> named(String text) {
    String name = text.strip();
    if (name.isEmpty()) {
      return Optional.empty();
    }
    if (list.isPresent() && list.get().indexOf(name).isPresent()) {
      return Optional.of(name);
    }
    if (isNumber(name)) {
      return named(Long.parseLong(name));
    }
    return list.isPresent() ? Optional.empty() : Optional.of(name);
  }

  /** What to say of a label that {@link #named} does not know. */
  String problem(String label) {
    return list.isPresent()
        ? "label %s is not among the %s listed classes (from %s)"
            .formatted(label, list.get().size(), first)
        : "label %s is no class (numbers start at %s)".formatted(label, first);
  }

  private static boolean isNumber(String text) {
    return text.matches("[0-9]{1,18}");
  }

  /** The label space of the classes that were found, where there is no list. */
  static LabelSpace labels(SortedSet<String> found, int first) {
    if (!found.stream().allMatch(NumberedClasses::isNumber)) {
      return LabelSpace.sorted(found);
    }
    int last = found.stream().mapToInt(Integer::parseInt).max().orElse(first);
    List<String> names = IntStream.rangeClosed(first, last).mapToObj(String::valueOf).toList();
    return LabelSpace.of(names);
  }
}
