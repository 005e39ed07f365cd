package io.phiscale.jobs.study;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.ConfigurationProblem;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.StudySection;
import io.phiscale.jobs.config.StudySection.Axis;
import io.phiscale.jobs.config.StudySection.Search;
import io.phiscale.jobs.run.Provenance;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.StoredCheckpoint;
import io.phiscale.jobs.train.NetworkPlan;
import io.phiscale.jobs.train.TrainingShare;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.spec.ScalingAxis;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The cells of a study, from its configuration and the manifest of its shards alone.
 *
 * @param cells in the order of the table: data fraction and budget ascending, α, β, γ or axis, φ,
 *     seed
 * @param base the configuration whose network is scaled, at φ = 0
 */
public record StudyPlan(List<StudyCell> cells, PhiscaleConfiguration base) {
  public StudyPlan {
    cells = List.copyOf(cells);
  }

  /** How much a cell trains. */
  private sealed interface Budget {
    /** As {@code train.epochs} says. */
    record Configured() implements Budget {}

    record Epochs(int epochs) implements Budget {}

    record Images(long images) implements Budget {}

    record Flops(double flops) implements Budget {}

    /** As in names. */
    default String words() {
      if (this instanceof Epochs wanted) {
        return wanted.epochs() + "epochs";
      }
      if (this instanceof Images wanted) {
        return wanted.images() + "images";
      }
      if (this instanceof Flops wanted) {
        return String.format(Locale.ROOT, "%.5e", wanted.flops())
                .replaceFirst("\\.?0+e", "e")
                .replace("+", "")
            + "flops";
      }
      return "";
    }

    /** Whole epochs, at least one. */
    default int epochs(int configured, long multiplyAdds, long imagesPerEpoch) {
      double wanted = configured;
      if (this instanceof Epochs asked) {
        wanted = asked.epochs();
      } else if (this instanceof Images asked) {
        wanted = (double) asked.images() / imagesPerEpoch;
      } else if (this instanceof Flops asked) {
        wanted =
            asked.flops()
                / ((double) StudyCell.FLOPS_PER_MULTIPLY_ADD * multiplyAdds * imagesPerEpoch);
      }
      return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.round(wanted)));
    }
  }

  /** A network of the study, before data, budget and seed. */
  private record Network(
      String name,
      Axis axis,
      double phi,
      NetworkSection.Coefficients constants,
      Map<String, String> values,
      NetworkPlan plan,
      long targetMultiplyAdds) {}

  /**
   * Lays out a study.
   *
   * @param configuration all of it
   * @param manifest of its shards
   * @throws ConfigurationException if axes contradict each other or what is fixed, or a cell cannot
   *     be: names it
   */
  public static StudyPlan of(PhiscaleConfiguration configuration, ShardManifest manifest) {
    StudySection study = configuration.study();
    requireScalable(configuration);
    PhiscaleConfiguration base = configuration.override(network(Map.of("network.phi", "0")));
    int classes = manifest.labels().size();
    List<Network> networks = new ArrayList<>();
    if (study.search().isEmpty()) {
      Set<String> names = new HashSet<>();
      for (Axis axis : study.axes()) {
        for (double phi : study.phi()) {
          Network network = network(base, classes, axis, phi);
          // At φ = 0 every axis has the base.
          if (names.add(network.name())) {
            networks.add(network);
          }
        }
      }
    } else {
      for (NetworkSection.Coefficients constants : grid(configuration)) {
        networks.add(compound(base, classes, constants, study.phi().get(0)));
      }
    }
    URI shards = Storage.uri(configuration.data().shards().toString());
    List<Long> seeds =
        study.seeds().isEmpty() ? List.of(configuration.train().seed()) : study.seeds();
    List<Double> fractions =
        study.dataFractions().isEmpty()
            ? List.of(configuration.train().dataFraction())
            : study.dataFractions().stream().sorted().toList();
    List<StudyCell> cells = new ArrayList<>();
    for (double fraction : fractions) {
      long images = TrainingShare.of(manifest, shards, fraction).images();
      for (Budget budget : budgets(study.budget())) {
        for (Network network : networks) {
          for (long seed : seeds) {
            cells.add(cell(base, network, seed, fraction, images, budget));
          }
        }
      }
    }
    return new StudyPlan(cells, base);
  }

  private static void requireScalable(PhiscaleConfiguration configuration) {
    NetworkSection network = configuration.network();
    if (network.resolutionPx() == 0) {
      return;
    }
    boolean scalesResolution =
        configuration.study().axes().contains(Axis.RESOLUTION)
            || !configuration.study().search().gamma().isEmpty();
    if (scalesResolution) {
      throw new ConfigurationException(
          String.format(
              "Invalid network.resolution: %s (must be 0 where a study varies the resolution; the"
                  + " resolution at phi = 0 is that of network.base, or network.custom.resolution)",
              network.resolutionPx()));
    }
  }

  private static Map<String, String> network(Map<String, String> values) {
    Map<String, String> all = new TreeMap<>();
    for (String key : List.of("variant", "phi", "width", "depth", "name")) {
      all.put("network." + key, "null");
    }
    all.putAll(values);
    return all;
  }

  private static String shown(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  private static Network network(PhiscaleConfiguration base, int classes, Axis axis, double phi) {
    Network compound = compound(base, classes, base.network().coefficients(), phi);
    if (axis == Axis.COMPOUND) {
      return compound;
    }
    BaseNetwork scaled = NetworkPlan.base(base.network());
    scaled = scaled.withBaseResolutionPx(base.network().resolutionPxOr(scaled.baseResolutionPx()));
    int scores = base.network().classesOr(classes);
    ScalingCoefficients found;
    try {
      found =
          ScalingAxis.valueOf(axis.name()).matching(scaled, scores, compound.targetMultiplyAdds());
    } catch (IllegalArgumentException e) {
      throw new ConfigurationException(
          String.format("Invalid study.phi: %s (%s)", shown(phi), e.getMessage()));
    }
    Map<String, String> values =
        network(
            Map.of(
                "network.width", shown(found.width()),
                "network.depth", shown(found.depth()),
                "network.resolution", Integer.toString(found.resolutionPx())));
    NetworkPlan plan = NetworkPlan.of(base.override(values).network(), classes);
    String same = compound.plan().spec().name();
    if (plan.spec().withName(same).equals(compound.plan().spec())) {
      return compound;
    }
    return new Network(
        axis.name().toLowerCase(Locale.ROOT) + "-" + compound.name(),
        axis,
        phi,
        compound.constants(),
        values,
        plan,
        compound.targetMultiplyAdds());
  }

  private static Network compound(
      PhiscaleConfiguration base, int classes, NetworkSection.Coefficients constants, double phi) {
    Map<String, String> values = network(Map.of("network.phi", Double.toString(phi)));
    String name = "phi-" + shown(phi);
    if (!constants.equals(base.network().coefficients()) || !base.study().search().isEmpty()) {
      values.put("network.scaling.alpha", shown(constants.alpha()));
      values.put("network.scaling.beta", shown(constants.beta()));
      values.put("network.scaling.gamma", shown(constants.gamma()));
      name =
          String.format(
              "a%s-b%s-g%s-%s",
              shown(constants.alpha()), shown(constants.beta()), shown(constants.gamma()), name);
    }
    NetworkPlan plan = NetworkPlan.of(base.override(values).network(), classes);
    return new Network(
        name,
        Axis.COMPOUND,
        phi,
        constants,
        values,
        plan,
        NetworkCounts.of(plan.spec()).multiplyAdds());
  }

  /** The grid's points under the constraint. */
  private static List<NetworkSection.Coefficients> grid(PhiscaleConfiguration configuration) {
    Search search = configuration.study().search();
    NetworkSection.Coefficients own = configuration.network().coefficients();
    List<NetworkSection.Coefficients> all = new ArrayList<>();
    for (double alpha : or(search.alpha(), own.alpha())) {
      for (double beta : or(search.beta(), own.beta())) {
        for (double gamma : or(search.gamma(), own.gamma())) {
          all.add(new NetworkSection.Coefficients(alpha, beta, gamma));
        }
      }
    }
    List<NetworkSection.Coefficients> admitted = all.stream().filter(search::admits).toList();
    if (admitted.isEmpty()) {
      NetworkSection.Coefficients nearest =
          all.stream()
              .min(Comparator.comparingDouble(c -> Math.abs(Search.growth(c) - search.product())))
              .orElseThrow();
      throw new ConfigurationException(
          String.format(
              Locale.ROOT,
              "Invalid study.search: none of %s combinations has alpha * beta^2 * gamma^2 within %s"
                  + " of %s; the nearest is %s, %s, %s with %.4f",
              all.size(),
              search.tolerance(),
              search.product(),
              nearest.alpha(),
              nearest.beta(),
              nearest.gamma(),
              Search.growth(nearest)));
    }
    return admitted;
  }

  private static List<Double> or(List<Double> values, double own) {
    return values.isEmpty() ? List.of(own) : values;
  }

  private static List<Budget> budgets(StudySection.Budget budget) {
    List<Budget> budgets = new ArrayList<>();
    budget.epochs().stream().sorted().forEach(epochs -> budgets.add(new Budget.Epochs(epochs)));
    budget.images().stream().sorted().forEach(images -> budgets.add(new Budget.Images(images)));
    budget.flops().stream().sorted().forEach(flops -> budgets.add(new Budget.Flops(flops)));
    return budgets.isEmpty() ? List.of(new Budget.Configured()) : budgets;
  }

  private static StudyCell cell(
      PhiscaleConfiguration base,
      Network network,
      long seed,
      double fraction,
      long imagesPerEpoch,
      Budget budget) {
    NetworkCounts counts = NetworkCounts.of(network.plan().spec());
    String setting = network.name();
    if (fraction != 1) {
      setting += "-data" + shown(fraction);
    }
    if (!budget.words().isEmpty()) {
      setting += "-" + budget.words();
    }
    String name = seed == 0 ? setting : setting + "-seed" + seed;
    URI folder = Storage.resolve(Storage.uri(base.study().output().toString()), name);
    int epochs = budget.epochs(base.train().epochs(), counts.multiplyAdds(), imagesPerEpoch);
    Map<String, String> values = new TreeMap<>(network.values());
    values.put("network.name", name);
    values.put("train.seed", Long.toString(seed));
    values.put("train.data-fraction", Double.toString(fraction));
    values.put("train.epochs", Integer.toString(epochs));
    values.put("train.output", folder.toString());
    String asked = base.effectiveValues().get("evaluate.checkpoint");
    values.put(
        "evaluate.checkpoint",
        EvaluateSection.CHECKPOINT_WORDS.contains(asked) ? asked : folder.toString());
    values.put("evaluate.output", Storage.resolve(folder, "evaluation").toString());
    PhiscaleConfiguration configuration;
    try {
      configuration = base.override(values);
    } catch (ConfigurationException e) {
      throw new ConfigurationException(
          String.format(
              "Cannot train cell %s: %s",
              name,
              e.problems().stream()
                  .map(ConfigurationProblem::message)
                  .collect(Collectors.joining("; "))));
    }
    return new StudyCell(
        setting,
        network.axis(),
        network.phi(),
        network.constants(),
        new ScalingCoefficients(
            network.plan().identity().width(),
            network.plan().identity().depth(),
            network.plan().spec().resolutionPx()),
        counts,
        network.targetMultiplyAdds(),
        seed,
        fraction,
        imagesPerEpoch,
        budget.words(),
        configuration);
  }

  /** The cheapest first, so that results come early and a mistake costs little. */
  public List<StudyCell> byCost() {
    return cells.stream().sorted(Comparator.comparingDouble(StudyCell::flops)).toList();
  }

  /**
   * What there is of a cell.
   *
   * @param manifestDigest of the shards
   * @throws ConfigurationException if its folder holds a run that computes something else
   * @throws IOException if it cannot be read
   */
  public static CellState state(Storage storage, StudyCell cell, String manifestDigest)
      throws IOException {
    URI folder = Storage.uri(cell.configuration().train().output().toString());
    RunDirectory run = new RunDirectory(storage, folder);
    Optional<StoredCheckpoint.Whole> newest =
        run.checkpoints().stored().stream()
            .filter(StoredCheckpoint.Whole.class::isInstance)
            .map(StoredCheckpoint.Whole.class::cast)
            .findFirst();
    if (newest.isEmpty()) {
      return new CellState.Missing();
    }
    Optional<Provenance> before = run.provenance();
    if (before.isPresent()) {
      List<String> conflicts =
          before.get().conflicts(Provenance.of(cell.configuration(), manifestDigest));
      if (!conflicts.isEmpty()) {
        throw new ConfigurationException(
            String.format(
                "Cannot go on with cell %s, which %s holds of another configuration: %s; undo that,"
                    + " or set study.output to another folder",
                cell.name(), folder, String.join("; ", conflicts)));
      }
    }
    int epochs = newest.get().info().progress().epoch();
    return epochs >= cell.epochs() ? new CellState.Done() : new CellState.Begun(epochs);
  }
}
