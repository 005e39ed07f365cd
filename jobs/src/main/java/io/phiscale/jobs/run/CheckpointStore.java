package io.phiscale.jobs.run;

import io.phiscale.jobs.run.StoredCheckpoint.Damaged;
import io.phiscale.jobs.run.StoredCheckpoint.Unpublished;
import io.phiscale.jobs.run.StoredCheckpoint.Whole;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of one run, below {@code RUN/checkpoints}.
 *
 * <pre>
 *   checkpoints/round-00000120/state.bin         parameters, optimizer state, averages
 *   checkpoints/round-00000120/checkpoint.json   what it is, and the digest of state.bin
 *   checkpoints/minival/round-00000120.json      its score on the minival images, if it was scored
 *   checkpoints/latest.json                      names the newest, written last
 *   checkpoints/best.json                        names the best on minival
 * </pre>
 *
 * <p><b>Atomic.</b> Each file appears whole or not at all, {@code checkpoint.json} after {@code
 * state.bin}: a directory without it is no checkpoint. Until the pointer names it, readers see the
 * one before. What a write that died has left is taken away by the next.
 *
 * <p><b>Damage.</b> Every file read is checked against its digest. Where the newest checkpoint is
 * damaged, the newest whole one is taken, and a warning names what is damaged and how; where every
 * one is, reading fails. A store that cannot be reached is no damage: reading then fails at once.
 */
public final class CheckpointStore {
  static final String INFO = "checkpoint.json";

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointStore.class);
  private static final String LATEST = "latest.json";
  private static final String BEST = "best.json";
  private static final String SCORES = "minival";
  private static final Pattern NAME = Pattern.compile("round-\\d{8,}");

  private final Storage storage;
  private final URI run;

  /**
   * @param storage where the run lies
   * @param run the run directory
   */
  public CheckpointStore(Storage storage, URI run) {
    this.storage = storage;
    this.run = run;
  }

  /**
   * A pointer's content.
   *
   * @param checkpoint name of a checkpoint's directory
   */
  record Pointer(String checkpoint) {}

  private Path folder() {
    return new Path(new Path(run), "checkpoints");
  }

  static String name(int round) {
    return String.format("round-%08d", round);
  }

  /** Where the checkpoint after a round lies. */
  public URI location(int round) {
    return location(name(round));
  }

  private URI location(String name) {
    return new Path(folder(), name).toUri();
  }

  /**
   * Writes a checkpoint, then the pointer to it.
   *
   * @param checkpoint with any digest and lengths: the true ones are put in their place
   * @return what the published one says about itself
   * @throws IOException naming the place and why; what was published before stays published
   */
  public CheckpointInfo publish(Checkpoint checkpoint) throws IOException {
    int round = checkpoint.info().progress().round();
    URI directory = location(round);
    try {
      // What an earlier attempt has left, or a damaged one: no reader may see new in old.
      delete(directory);
    } catch (IOException e) {
      throw notPublished(round, e);
    }
    CheckpointInfo sealed;
    try {
      String digest =
          StateFile.write(storage, Storage.resolve(directory, StateFile.NAME), checkpoint);
      sealed = checkpoint.sealedInfo(digest);
      storage.writeUtf8Atomically(Storage.resolve(directory, INFO), Json.sealed(sealed));
      writePointer(LATEST, name(round));
    } catch (IOException e) {
      try {
        delete(directory);
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw notPublished(round, e);
    }
    return sealed;
  }

  private IOException notPublished(int round, IOException cause) {
    String stays;
    try {
      List<String> published = published();
      stays =
          published.isEmpty()
              ? "there is none before it"
              : "the one before stays: " + location(published.get(0));
    } catch (IOException e) {
      cause.addSuppressed(e);
      stays = "the ones before stay in " + folder();
    }
    return new IOException(
        String.format(
            "Cannot publish the checkpoint of round %s (%s): %s", round, stays, cause.getMessage()),
        cause);
  }

  private void writePointer(String file, String checkpoint) throws IOException {
    storage.writeUtf8Atomically(location(file), Json.pretty(new Pointer(checkpoint)));
  }

  /** {@code checkpoint.json} goes first: what is left of a deletion that died is no checkpoint. */
  private void delete(URI directory) throws IOException {
    storage.delete(Storage.resolve(directory, INFO));
    storage.delete(directory);
  }

  /**
   * Records how good a checkpoint is; if none that is there is better, {@code best.json} names it.
   * Of equally good ones the earliest is the best.
   */
  public void record(MinivalScore score) throws IOException {
    storage.writeUtf8Atomically(location(scoreFile(score.checkpoint())), Json.pretty(score));
    Optional<Whole> best =
        ranked(stored()).stream()
            .filter(whole -> whole.name().compareTo(score.checkpoint()) <= 0)
            .findFirst();
    if (best.isPresent()) {
      writePointer(BEST, best.get().name());
    }
  }

  private static String scoreFile(String name) {
    return SCORES + "/" + name + ".json";
  }

  /** The score of a checkpoint, if it was scored. */
  public Optional<MinivalScore> score(CheckpointInfo info) throws IOException {
    URI place = location(scoreFile(name(info.progress().round())));
    if (!storage.exists(place)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Json.read(storage.readUtf8(place), MinivalScore.class, place))
          .filter(score -> score.isOf(info));
    } catch (Json.InvalidJsonException e) {
      LOG.warn("{}; the checkpoint counts as not scored", e.getMessage());
      return Optional.empty();
    }
  }

  /** Those with a score, the best first. */
  private static List<Whole> ranked(List<StoredCheckpoint> all) {
    return all.stream()
        .filter(Whole.class::isInstance)
        .map(Whole.class::cast)
        .filter(whole -> whole.score().isPresent())
        .sorted(
            Comparator.comparingDouble((Whole whole) -> -whole.score().orElseThrow().top1())
                .thenComparing(Whole::name))
        .toList();
  }

  /**
   * Deletes what need not stay, once a checkpoint was published: those that no reason keeps, those
   * after it (of an attempt that was not continued), and what writes that died left before it.
   * Where no whole one is, nothing is deleted.
   */
  public void retain(Retention retention) throws IOException {
    List<StoredCheckpoint> all = stored();
    Optional<String> newest = pointer(LATEST);
    if (newest.isEmpty()
        || all.stream().noneMatch(c -> c instanceof Whole && c.name().equals(newest.get()))) {
      return;
    }
    Optional<String> best =
        ranked(all).stream()
            .map(Whole::name)
            .filter(name -> name.compareTo(newest.get()) <= 0)
            .findFirst();
    int newer = 0;
    for (StoredCheckpoint checkpoint : all) {
      boolean later = checkpoint.name().compareTo(newest.get()) > 0;
      if (checkpoint instanceof Whole whole && !later) {
        boolean isBest = best.filter(whole.name()::equals).isPresent();
        if (retention.reasons(whole.info(), newer, isBest).isEmpty()) {
          delete(whole.place());
        }
        newer++;
      } else if (later || newer >= retention.last()) {
        delete(checkpoint.place());
      }
    }
  }

  /**
   * Why a stored checkpoint stays.
   *
   * @param all as {@link #stored} lists them
   */
  public static Set<Retention.Reason> reasons(
      Retention retention, Whole checkpoint, List<StoredCheckpoint> all) {
    long newer =
        all.stream()
            .filter(c -> c instanceof Whole && c.name().compareTo(checkpoint.name()) > 0)
            .count();
    boolean best =
        ranked(all).stream()
            .findFirst()
            .filter(first -> first.name().equals(checkpoint.name()))
            .isPresent();
    return retention.reasons(checkpoint.info(), Math.toIntExact(newer), best);
  }

  /** What lies there, the newest first; damage only as far as it shows without reading states. */
  public List<StoredCheckpoint> stored() throws IOException {
    List<StoredCheckpoint> all = new ArrayList<>();
    for (String name : names()) {
      URI place = location(name);
      if (!storage.exists(Storage.resolve(place, INFO))) {
        all.add(new Unpublished(name, place));
        continue;
      }
      try {
        CheckpointInfo info = info(place);
        long bytes = stateLength(place, info);
        all.add(new Whole(name, place, info, bytes, score(info)));
      } catch (DamagedCheckpointException e) {
        all.add(new Damaged(name, place, e.getMessage()));
      }
    }
    return all;
  }

  /** Directories, the newest first. */
  private List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    for (FileStatus status : storage.list(folder().toUri())) {
      String name = status.getPath().getName();
      if (status.isDirectory() && NAME.matcher(name).matches()) {
        names.add(name);
      }
    }
    names.sort(Comparator.reverseOrder());
    return names;
  }

  private long stateLength(URI place, CheckpointInfo info) throws IOException {
    URI file = Storage.resolve(place, StateFile.NAME);
    long length;
    try {
      length = storage.length(file);
    } catch (FileNotFoundException e) {
      throw new DamagedCheckpointException(
          String.format("Cannot read checkpoint %s: there is no such file", file), e);
    }
    if (length != StateFile.length(info)) {
      throw new DamagedCheckpointException(
          String.format(
              "Cannot read checkpoint %s: %s bytes, expected %s",
              file, length, StateFile.length(info)));
    }
    return length;
  }

  private CheckpointInfo info(URI place) throws IOException {
    return info(storage, place);
  }

  private static CheckpointInfo info(Storage storage, URI place) throws IOException {
    URI file = Storage.resolve(place, INFO);
    try {
      CheckpointInfo info = Json.readCheckpointInfo(storage.readUtf8(file), file);
      String name = new Path(place).getName();
      if (NAME.matcher(name).matches() && !name.equals(name(info.progress().round()))) {
        throw new DamagedCheckpointException(
            String.format(
                "Cannot read checkpoint %s: it is of round %s", file, info.progress().round()));
      }
      return info;
    } catch (FileNotFoundException e) {
      throw new DamagedCheckpointException(
          String.format("Cannot read checkpoint %s: there is no such file", file), e);
    }
  }

  /**
   * Checks every byte of a checkpoint; one that was never published is none.
   *
   * @throws DamagedCheckpointException naming the file and what is wrong with it
   */
  public void verify(StoredCheckpoint checkpoint) throws IOException {
    if (checkpoint instanceof Damaged damaged) {
      throw new DamagedCheckpointException(damaged.reason());
    }
    if (checkpoint instanceof Whole whole) {
      StateFile.verify(storage, Storage.resolve(whole.place(), StateFile.NAME), whole.info());
    }
  }

  /** What is wrong with the pointers: one line each. */
  public List<String> pointerProblems() throws IOException {
    List<String> problems = new ArrayList<>();
    for (String file : List.of(LATEST, BEST)) {
      try {
        Optional<String> named = pointer(file);
        if (named.isPresent() && !storage.exists(Storage.resolve(location(named.get()), INFO))) {
          problems.add(
              String.format("%s names %s, which is not there", location(file), named.get()));
        }
      } catch (DamagedCheckpointException e) {
        problems.add(e.getMessage());
      }
    }
    return problems;
  }

  /** The newest whole checkpoint, if there are any; warnings go to the log. */
  public Optional<Checkpoint> latest() throws IOException {
    return latest(LOG::warn);
  }

  /**
   * The newest whole checkpoint, if anything was ever published.
   *
   * @param warnings hears what is damaged, how, and what is taken instead
   * @throws IOException if there are checkpoints but every one is damaged, or the store fails
   */
  public Optional<Checkpoint> latest(Consumer<String> warnings) throws IOException {
    return firstWhole(LATEST, this::published, warnings);
  }

  /** The best whole checkpoint on minival, if any was scored; warnings go to the log. */
  public Optional<Checkpoint> best() throws IOException {
    return best(LOG::warn);
  }

  /**
   * The best whole checkpoint on minival, if any was scored.
   *
   * @param warnings hears what is damaged, how, and what is taken instead
   * @throws IOException if every one that was scored is damaged, or the store fails
   */
  public Optional<Checkpoint> best(Consumer<String> warnings) throws IOException {
    return firstWhole(BEST, () -> ranked(stored()).stream().map(Whole::name).toList(), warnings);
  }

  private List<String> published() throws IOException {
    List<String> names = new ArrayList<>();
    for (String name : names()) {
      if (storage.exists(Storage.resolve(location(name), INFO))) {
        names.add(name);
      }
    }
    return names;
  }

  /** Names of checkpoints, in the order in which they are tried. */
  @FunctionalInterface
  private interface Names {
    List<String> list() throws IOException;
  }

  /** The one that a pointer names, or the first of the others that is whole. */
  private Optional<Checkpoint> firstWhole(
      String pointerFile, Names candidates, Consumer<String> warnings) throws IOException {
    List<String> others = candidates.list();
    List<String> damages = new ArrayList<>();
    List<String> order = new ArrayList<>();
    try {
      Optional<String> named = pointer(pointerFile);
      if (named.isPresent()) {
        order.add(named.get());
      } else if (others.isEmpty()) {
        return Optional.empty();
      } else {
        damages.add(String.format("there is no %s", location(pointerFile)));
      }
    } catch (DamagedCheckpointException e) {
      damages.add(e.getMessage());
    }
    others.stream().filter(name -> !order.contains(name)).forEach(order::add);
    for (String name : order) {
      try {
        Checkpoint checkpoint = read(storage, location(name));
        if (!damages.isEmpty()) {
          warnings.accept(
              String.format("%s; taking %s instead", String.join("; ", damages), location(name)));
        }
        return Optional.of(checkpoint);
      } catch (DamagedCheckpointException e) {
        if (name.equals(order.get(0)) && hasMoved(pointerFile, name)) {
          // It was not damaged: the run has gone on, and deleted it.
          return firstWhole(pointerFile, candidates, warnings);
        }
        damages.add(e.getMessage());
      }
    }
    throw new IOException(
        String.format(
            "No whole checkpoint is left in %s: %s (restore one from a copy, or move the folder"
                + " away to start anew)",
            folder(), String.join("; ", damages)));
  }

  private boolean hasMoved(String pointerFile, String from) throws IOException {
    try {
      return pointer(pointerFile).filter(name -> !name.equals(from)).isPresent();
    } catch (DamagedCheckpointException e) {
      return false;
    }
  }

  private Optional<String> pointer(String name) throws IOException {
    URI place = location(name);
    if (!storage.exists(place)) {
      return Optional.empty();
    }
    String checkpoint;
    try {
      checkpoint = Json.read(storage.readUtf8(place), Pointer.class, place).checkpoint();
    } catch (Json.InvalidJsonException e) {
      throw new DamagedCheckpointException(e.getMessage(), e);
    }
    if (checkpoint == null || !NAME.matcher(checkpoint).matches()) {
      throw new DamagedCheckpointException(
          String.format("Cannot read %s: it names \"%s\"", place, checkpoint));
    }
    return Optional.of(checkpoint);
  }

  /** Whether a user may have meant a checkpoint: a directory, or {@code RUN/best}. */
  public static boolean isPlace(Storage storage, URI location) throws IOException {
    return storage.isDirectory(location)
        || (choice(location).isPresent()
            && storage.isDirectory(new Path(location).getParent().toUri()));
  }

  /** What the last name of a location chooses in the run before it. */
  private enum Choice {
    NEWEST,
    BEST
  }

  private static Optional<Choice> choice(URI location) {
    Path path = new Path(location);
    if (path.getParent() == null) {
      return Optional.empty();
    }
    return switch (path.getName()) {
      case "newest" -> Optional.of(Choice.NEWEST);
      case "best" -> Optional.of(Choice.BEST);
      default -> Optional.empty();
    };
  }

  /**
   * Opens what a user names: a run directory or {@code RUN/newest} (its newest checkpoint), {@code
   * RUN/best} (its best on minival), or one checkpoint's directory.
   *
   * @throws IOException if there is none, or it is damaged; the message names the place
   */
  public static Checkpoint open(Storage storage, URI location) throws IOException {
    Path path = new Path(location);
    if (storage.exists(new Path(path, INFO).toUri())) {
      return read(storage, location);
    }
    Optional<Choice> choice = choice(location);
    if (choice.isPresent() && !storage.isDirectory(location)) {
      CheckpointStore store = new CheckpointStore(storage, path.getParent().toUri());
      if (choice.get() == Choice.BEST) {
        return store
            .best()
            .orElseThrow(
                () ->
                    new FileNotFoundException(
                        String.format(
                            "No best checkpoint in %s: none was scored (train with"
                                + " train.checkpoint.keep-best = true)",
                            path.getParent())));
      }
      return store.latest().orElseThrow(() -> none(path.getParent().toUri()));
    }
    return new CheckpointStore(storage, location).latest().orElseThrow(() -> none(location));
  }

  private static FileNotFoundException none(URI location) {
    return new FileNotFoundException(
        String.format(
            "No checkpoint at %s: it has neither %s nor checkpoints/%s"
                + " (give a run directory that train has written, or one checkpoint)",
            location, INFO, LATEST));
  }

  private static Checkpoint read(Storage storage, URI directory) throws IOException {
    return StateFile.read(
        storage, Storage.resolve(directory, StateFile.NAME), info(storage, directory));
  }
}
