package io.phiscale.pipeline.shard;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.annotation.JsonSetter;
import java.io.Serializable;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The classes of a data set in label order: the class at index <i>i</i> has label <i>i</i>.
 *
 * <p>For ImageNet the official order, which PyTorch's {@code ImageFolder} and timm use too, is the
 * sorted order of the synsets ({@code n01440764} is label 0); it is <em>not</em> the order of the
 * ILSVRC ids in the development kit.
 *
 * <p>As JSON: {@code {"classes": ["n01440764", ...], "humanNames": {"n01440764": "tench", ...}}},
 * and where ILSVRC ids are known {@code "ilsvrcIds": [449, ...]}, in label order.
 */
@JsonPropertyOrder({"classes", "humanNames", "ilsvrcIds"})
public final class LabelSpace implements Serializable {
  private static final long serialVersionUID = 1L;

  private final List<String> names;
  private final TreeMap<String, String> humanNames;
  private final HashMap<String, Integer> index;
  private List<Integer> ilsvrcIds = List.of();

  /**
   * Classes in label order.
   *
   * @param names unique, not blank, at least one
   * @param humanNames for people, by class name; may lack classes
   */
  @JsonCreator
  public LabelSpace(
      @JsonProperty(value = "classes", required = true) List<String> names,
      @JsonProperty(value = "humanNames", required = true) Map<String, String> humanNames) {
    this.names = List.copyOf(names);
    this.humanNames = new TreeMap<>(humanNames);
    this.index = new HashMap<>();
    if (names.isEmpty()) {
      throw new IllegalArgumentException("Invalid label space: no classes");
    }
    for (int label = 0; label < names.size(); label++) {
      String name = names.get(label);
      if (name.isBlank()) {
        throw new IllegalArgumentException(
            "Invalid class name of label %s: blank".formatted(label));
      }
      Integer earlier = index.put(name, label);
      if (earlier != null) {
        throw new IllegalArgumentException(
            "Invalid label space: class %s twice (labels %s and %s)"
                .formatted(name, earlier, label));
      }
    }
    this.humanNames.forEach(
        (name, humanName) -> {
          if (!index.containsKey(name)) {
            throw new IllegalArgumentException(
                "Invalid human name %s: %s is no class of this label space"
                    .formatted(humanName, name));
          }
          if (humanName.isBlank()) {
            throw new IllegalArgumentException(
                "Invalid human name of class %s: blank".formatted(name));
          }
        });
  }

  /** Classes in the given order, without human names. */
  public static LabelSpace of(List<String> names) {
    return new LabelSpace(names, Map.of());
  }

  /** Classes in sorted (UTF-16) order, the official order of synsets; duplicates are dropped. */
  public static LabelSpace sorted(Collection<String> names) {
    return of(List.copyOf(new TreeSet<>(names)));
  }

  /** The class names in label order. */
  @JsonProperty("classes")
  public List<String> names() {
    return names;
  }

  /** Names for people by class name, sorted; may lack classes. */
  @JsonProperty("humanNames")
  public Map<String, String> humanNames() {
    return Collections.unmodifiableMap(humanNames);
  }

  /** These classes with the ids, from 1, that the development kit of ILSVRC2012 gives them. */
  public LabelSpace withIlsvrcIds(List<Integer> ids) {
    LabelSpace space = new LabelSpace(names, humanNames);
    space.setIlsvrcIds(ids);
    return space;
  }

  /** Not a parameter of the constructor: manifests from before there were ids lack it. */
  @JsonSetter("ilsvrcIds")
  private void setIlsvrcIds(List<Integer> ids) {
    if (!ids.isEmpty() && ids.size() != names.size()) {
      throw new IllegalArgumentException(
          "Invalid ilsvrcIds: %s (there are %s classes)".formatted(ids.size(), names.size()));
    }
    ilsvrcIds = List.copyOf(ids);
  }

  /** The ILSVRC id of each class, in label order; empty where they are not known. */
  @JsonProperty("ilsvrcIds")
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public List<Integer> ilsvrcIds() {
    return ilsvrcIds;
  }

  /** The number of classes. */
  public int size() {
    return names.size();
  }

  /** The label of a class, empty for a name that is not in this space. */
  public OptionalInt indexOf(String name) {
    Integer label = index.get(name);
    return label == null ? OptionalInt.empty() : OptionalInt.of(label);
  }

  /**
   * The class with a label.
   *
   * @throws IllegalArgumentException if the label is not in [0, {@link #size()})
   */
  public String name(int label) {
    if (label < 0 || label >= names.size()) {
      throw new IllegalArgumentException(
          "Invalid label: %s (must be in [0, %s))".formatted(label, names.size()));
    }
    return names.get(label);
  }

  /** The name for people of the class with a label, where one is known. */
  public Optional<String> humanName(int label) {
    return Optional.ofNullable(humanNames.get(name(label)));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LabelSpace space
        && names.equals(space.names)
        && humanNames.equals(space.humanNames)
        && ilsvrcIds.equals(space.ilsvrcIds);
  }

  @Override
  public int hashCode() {
    return names.hashCode();
  }

  @Override
  public String toString() {
    return "LabelSpace[%s classes, %s ... %s]"
        .formatted(names.size(), names.get(0), names.get(names.size() - 1));
  }
}
