package io.phiscale.model.spec;

import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.scaling.ScalingRounding;
import java.io.Serializable;
import java.math.BigDecimal;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A stage: {@code repeats} mobile inverted bottleneck blocks, of which the first has the stride and
 * the input filters, the others stride 1 and the output filters as input.
 *
 * <p>One block: 1x1 expansion (left out where the expand ratio is 1) → depthwise k x k → squeeze
 * and excitation → 1x1 projection, plus its input where shapes allow.
 *
 * <p>Block strings: {@code r2_k3_s22_e6_i16_o24_se0.25}, optionally {@code _noskip}. Source:
 * tensorflow/tpu {@code models/official/efficientnet/efficientnet_builder.py}, {@code
 * BlockDecoder}. Deviations: the two strides must be equal; {@code c} (convolution type) must be 0
 * and is not written; an unknown token is an error instead of being ignored.
 *
 * @param repeats number of blocks, > 0
 * @param kernel side of the depthwise kernel in pixels, odd
 * @param stride of the first block, 1 or 2
 * @param expandRatio expanded channels per input channel, > 0
 * @param inputFilters channels into the first block, > 0
 * @param outputFilters channels out of every block, > 0
 * @param squeezeRatio squeezed channels per <em>block input</em> channel (not per expanded
 *     channel), in [0, 1]; 0 means no squeeze and excitation
 * @param skip whether blocks whose input and output shapes agree add their input
 */
public record MBConvSpec(
    int repeats,
    int kernel,
    int stride,
    int expandRatio,
    int inputFilters,
    int outputFilters,
    double squeezeRatio,
    Skip skip)
    implements Serializable {

  /** Whether a block adds its input to its output where the shapes agree. */
  public enum Skip {
    IDENTITY,
    NONE
  }

  private static final String VALID_TOKENS =
      "valid tokens: r<repeats> k<kernel> s<stride><stride> e<expand ratio> i<input filters>"
          + " o<output filters> se<squeeze ratio> noskip, e.g. r2_k3_s22_e6_i16_o24_se0.25";

  private static final Pattern TOKEN = Pattern.compile("([a-z]+)([0-9][0-9.]*)");

  public MBConvSpec {
    checkPositive("repeats", repeats);
    if (kernel <= 0 || kernel % 2 == 0) {
      throw new IllegalArgumentException(
          String.format("Invalid kernel: %s (must be odd and > 0)", kernel));
    }
    if (stride != 1 && stride != 2) {
      throw new IllegalArgumentException(
          String.format("Invalid stride: %s (must be 1 or 2)", stride));
    }
    checkPositive("expand ratio", expandRatio);
    checkPositive("input filters", inputFilters);
    checkPositive("output filters", outputFilters);
    if (!(squeezeRatio >= 0 && squeezeRatio <= 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid squeeze ratio: %s (must be in [0, 1])", squeezeRatio));
    }
    if (skip == null) {
      throw new IllegalArgumentException("Invalid skip: null (must be IDENTITY or NONE)");
    }
  }

  private static void checkPositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0)", name, value));
    }
  }

  /**
   * Reads a block string.
   *
   * @throws IllegalArgumentException naming the token that is unknown, repeated, malformed or
   *     missing
   */
  public static MBConvSpec decode(String text) {
    Map<String, String> values = new HashMap<>();
    Skip skip = Skip.IDENTITY;
    for (String token : text.split("_", -1)) {
      if (token.equals("noskip")) {
        skip = Skip.NONE;
        continue;
      }
      Matcher matcher = TOKEN.matcher(token);
      if (!matcher.matches() || !isKey(matcher.group(1))) {
        throw invalid(text, String.format("unknown token '%s'", token));
      }
      if (values.put(matcher.group(1), matcher.group(2)) != null) {
        throw invalid(text, String.format("token '%s' repeats '%s'", token, matcher.group(1)));
      }
    }
    if (!values.getOrDefault("c", "0").equals("0")) {
      throw invalid(text, String.format("token 'c%s': only c0 exists", values.get("c")));
    }
    String strides = required(text, values, "s");
    if (strides.length() != 2 || strides.charAt(0) != strides.charAt(1)) {
      throw invalid(
          text, String.format("token 's%s' must be two equal strides, s11 or s22", strides));
    }
    try {
      return new MBConvSpec(
          wholeNumber(text, values, "r"),
          wholeNumber(text, values, "k"),
          Character.digit(strides.charAt(0), 10),
          wholeNumber(text, values, "e"),
          wholeNumber(text, values, "i"),
          wholeNumber(text, values, "o"),
          squeezeRatio(text, values),
          skip);
    } catch (InvalidBlockException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw invalid(text, e.getMessage());
    }
  }

  private static boolean isKey(String key) {
    return switch (key) {
      case "r", "k", "s", "e", "i", "o", "se", "c" -> true;
      default -> false;
    };
  }

  private static String required(String text, Map<String, String> values, String key) {
    String value = values.get(key);
    if (value == null) {
      throw invalid(text, String.format("token '%s' is missing", key));
    }
    return value;
  }

  private static int wholeNumber(String text, Map<String, String> values, String key) {
    String value = required(text, values, key);
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw invalid(text, String.format("token '%s%s' needs a whole number", key, value));
    }
  }

  private static double squeezeRatio(String text, Map<String, String> values) {
    String value = values.getOrDefault("se", "0");
    try {
      return Double.parseDouble(value);
    } catch (NumberFormatException e) {
      throw invalid(text, String.format("token 'se%s' needs a number", value));
    }
  }

  private static InvalidBlockException invalid(String text, String problem) {
    return new InvalidBlockException(
        String.format("Invalid block string: %s (%s; %s)", text, problem, VALID_TOKENS));
  }

  /** Tells a message that already names the block string from one that does not yet. */
  private static final class InvalidBlockException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    InvalidBlockException(String message) {
      super(message);
    }
  }

  /** The block string; {@code decode(encode())} equals this. */
  public String encode() {
    StringBuilder text = new StringBuilder();
    text.append('r').append(repeats).append("_k").append(kernel);
    text.append("_s").append(stride).append(stride).append("_e").append(expandRatio);
    text.append("_i").append(inputFilters).append("_o").append(outputFilters);
    if (squeezeRatio > 0) {
      // Never in scientific notation, which the block strings do not know.
      text.append("_se").append(new BigDecimal(Double.toString(squeezeRatio)).toPlainString());
    }
    if (skip == Skip.NONE) {
      text.append("_noskip");
    }
    return text.toString();
  }

  /**
   * This stage widened and deepened, with whole channels and repeats by {@link ScalingRounding}.
   */
  public MBConvSpec scaled(ScalingCoefficients coefficients) {
    return new MBConvSpec(
        ScalingRounding.repeats(repeats, coefficients.depth()),
        kernel,
        stride,
        expandRatio,
        ScalingRounding.channels(inputFilters, coefficients.width()),
        ScalingRounding.channels(outputFilters, coefficients.width()),
        squeezeRatio,
        skip);
  }
}
