package io.phiscale.model.weights;

import io.phiscale.model.spec.BlockInstance;
import io.phiscale.model.spec.NetworkSpec;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** How PyTorch libraries name the modules of an EfficientNet. */
public enum TorchLayout {
  /**
   * {@code features.1.0.block.0.0.weight}, {@code classifier.1.weight}. Source: torchvision {@code
   * models/efficientnet.py}.
   */
  TORCHVISION {
    @Override
    Map<String, Module> modules(NetworkSpec spec) {
      Map<String, Module> modules = new LinkedHashMap<>();
      modules.put("stem/conv", new Module("features.0.0", "features.0.1"));
      int repeat = 0;
      int stage = 0;
      for (BlockInstance block : spec.blocks()) {
        repeat = block.stage() == stage ? repeat : 0;
        stage = block.stage();
        String path = String.format("features.%s.%s.block.", stage + 1, repeat++);
        int child = 0;
        if (block.expands()) {
          modules.put(block.name() + "/expand", sequential(path + child++));
        }
        modules.put(block.name() + "/depthwise", sequential(path + child++));
        if (block.squeezes()) {
          modules.put(block.name() + "/squeeze", new Module(path + child + ".fc1", ""));
          modules.put(block.name() + "/excite", new Module(path + child++ + ".fc2", ""));
        }
        modules.put(block.name() + "/project", sequential(path + child));
      }
      modules.put("head/conv", sequential("features." + (spec.stages().size() + 1)));
      modules.put("classifier/dense", new Module("classifier.1", ""));
      return modules;
    }

    private Module sequential(String path) {
      return new Module(path + ".0", path + ".1");
    }
  },

  /**
   * {@code blocks.0.0.conv_dw.weight}, {@code classifier.weight}. Source: timm {@code
   * models/efficientnet.py}, {@code models/_efficientnet_blocks.py}.
   */
  TIMM {
    @Override
    Map<String, Module> modules(NetworkSpec spec) {
      Map<String, Module> modules = new LinkedHashMap<>();
      modules.put("stem/conv", new Module("conv_stem", "bn1"));
      int repeat = 0;
      int stage = 0;
      for (BlockInstance block : spec.blocks()) {
        repeat = block.stage() == stage ? repeat : 0;
        stage = block.stage();
        String path = String.format("blocks.%s.%s.", stage, repeat++);
        int norm = 1;
        if (block.expands()) {
          modules.put(block.name() + "/expand", new Module(path + "conv_pw", path + "bn" + norm++));
        }
        modules.put(
            block.name() + "/depthwise", new Module(path + "conv_dw", path + "bn" + norm++));
        if (block.squeezes()) {
          modules.put(block.name() + "/squeeze", new Module(path + "se.conv_reduce", ""));
          modules.put(block.name() + "/excite", new Module(path + "se.conv_expand", ""));
        }
        // A block that does not expand has but one pointwise convolution, so it is not "linear".
        String project = block.expands() ? "conv_pwl" : "conv_pw";
        modules.put(block.name() + "/project", new Module(path + project, path + "bn" + norm));
      }
      modules.put("head/conv", new Module("conv_head", "bn2"));
      modules.put("classifier/dense", new Module("classifier", ""));
      return modules;
    }
  };

  /**
   * Names of one convolution or dense layer and of the batch norm behind it.
   *
   * @param batchNorm empty where there is none
   */
  record Module(String convolution, String batchNorm) {}

  /** Modules by the beginning of our segments' names, e.g. {@code block_03/expand}. */
  abstract Map<String, Module> modules(NetworkSpec spec);

  /**
   * The name of a tensor.
   *
   * @param modules what {@link #modules} gave
   * @param segment name of one of our segments, e.g. {@code block_03/expand/batch_norm/scale}
   */
  static String tensorName(Map<String, Module> modules, String segment) {
    int last = segment.lastIndexOf('/');
    String leaf = segment.substring(last + 1);
    String part = segment.substring(0, last);
    if (!part.endsWith("/batch_norm")) {
      return modules.get(part).convolution() + "." + leaf;
    }
    Module module = modules.get(part.substring(0, part.length() - "/batch_norm".length()));
    return module.batchNorm()
        + switch (leaf) {
          case "scale" -> ".weight";
          case "shift" -> ".bias";
          case "mean" -> ".running_mean";
          case "variance" -> ".running_var";
          default -> throw new IllegalArgumentException("Invalid segment: " + segment);
        };
  }

  /**
   * The layout whose names these are.
   *
   * @throws IllegalArgumentException if they are neither's
   */
  public static TorchLayout of(Collection<String> names) {
    if (names.contains("features.0.0.weight")) {
      return TORCHVISION;
    }
    if (names.contains("conv_stem.weight")) {
      return TIMM;
    }
    throw new IllegalArgumentException(
        String.format(
            "Not an EfficientNet of torchvision or timm: neither features.0.0.weight nor"
                + " conv_stem.weight is among its %s tensors%s",
            names.size(),
            names.isEmpty()
                ? ""
                : ", the first of which is " + Printable.name(names.iterator().next())));
  }

  /**
   * The layout of a name, in any case.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static TorchLayout named(String name) {
    for (TorchLayout layout : values()) {
      if (layout.name().toLowerCase(Locale.ROOT).equals(name.toLowerCase(Locale.ROOT))) {
        return layout;
      }
    }
    throw new IllegalArgumentException(
        String.format("Invalid layout: %s (must be torchvision or timm)", name));
  }
}
