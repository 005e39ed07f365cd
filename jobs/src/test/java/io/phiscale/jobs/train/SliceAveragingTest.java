package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.Contribution.Slice;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import scala.Tuple2;

class SliceAveragingTest {

  private static float[] random(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble(-3, 3);
    }
    return values;
  }

  /** Cuts, sorts as the shuffle would, averages, pastes. */
  private static float[] average(List<float[]> replicas, long[] weights, int sliceLength) {
    int length = replicas.get(0).length;
    Slices slices = new Slices(length, sliceLength);
    List<Tuple2<SliceKey, Contribution>> sent = new ArrayList<>();
    for (int worker = 0; worker < replicas.size(); worker++) {
      for (int slice = 0; slice < slices.count(); slice++) {
        sent.add(
            new Tuple2<>(
                new SliceKey(slice, worker),
                new Slice(
                    slice,
                    weights[worker],
                    slices.cut(slice, replicas.get(worker), new float[0]))));
      }
    }
    sent.sort((a, b) -> a._1().compareTo(b._1()));
    float[] averaged = new float[length];
    Iterator<Contribution> results = new SliceAveraging().call(sent.iterator());
    results.forEachRemaining(
        result -> {
          Slice slice = (Slice) result;
          slices.paste(slice.slice(), slice.values(), averaged, new float[0]);
        });
    return averaged;
  }

  @Property(tries = 50)
  void identicalReplicasAverageToThemselvesBitForBit(
      @ForAll @IntRange(min = 1, max = 16) int workers,
      @ForAll @IntRange(min = 1, max = 100_000) int weight,
      @ForAll long seed) {
    float[] replica = random(seed, 101);
    List<float[]> replicas = new ArrayList<>();
    long[] weights = new long[workers];
    for (int worker = 0; worker < workers; worker++) {
      replicas.add(replica);
      weights[worker] = (long) weight + worker;
    }
    assertThat(average(replicas, weights, 10)).containsExactly(replica);
  }

  @Property(tries = 50)
  void theResultDoesNotDependOnHowTheVectorIsCut(
      @ForAll @IntRange(min = 1, max = 120) int sliceLength, @ForAll long seed) {
    List<float[]> replicas =
        List.of(random(seed, 101), random(seed + 1, 101), random(seed + 2, 101));
    long[] weights = {320, 17, 64};
    float[] whole = average(replicas, weights, 101);
    assertThat(average(replicas, weights, sliceLength)).containsExactly(whole);
    for (int i = 0; i < whole.length; i++) {
      double expected =
          (320.0 * replicas.get(0)[i] + 17.0 * replicas.get(1)[i] + 64.0 * replicas.get(2)[i])
              / 401;
      assertThat(whole[i]).isEqualTo((float) expected);
    }
  }

  @Test
  void reportsPassThroughAndSlicesOfIdleWorkersDoNotCount() {
    Report report = Report.idle(1);
    Iterator<Contribution> results =
        new SliceAveraging()
            .call(
                List.of(
                        new Tuple2<SliceKey, Contribution>(
                            new SliceKey(SliceKey.REPORT, 1), report),
                        new Tuple2<SliceKey, Contribution>(
                            new SliceKey(0, 0),
                            new Slice(0, 8, new FloatVector(new float[] {1, 2}))))
                    .iterator());
    assertThat(results.next()).isEqualTo(report);
    Slice slice = (Slice) results.next();
    assertThat(slice.values().values()).containsExactly(1, 2);
    assertThat(results.hasNext()).isFalse();
  }

  @Property(tries = 30)
  void cuttingAndPastingTwoVectorsIsTheIdentity(
      @ForAll @IntRange(min = 1, max = 50) int first,
      @ForAll @IntRange(min = 0, max = 120) int second,
      @ForAll @IntRange(min = 1, max = 60) int sliceLength) {
    float[] parameters = random(1, first);
    float[] state = random(2, second);
    Slices slices = new Slices(first + second, sliceLength);
    float[] parametersBack = new float[first];
    float[] stateBack = new float[second];
    for (int slice = 0; slice < slices.count(); slice++) {
      slices.paste(slice, slices.cut(slice, parameters, state), parametersBack, stateBack);
    }
    assertThat(parametersBack).containsExactly(parameters);
    assertThat(stateBack).containsExactly(state);
  }

  @Test
  void pastingASliceOfTheWrongLengthIsRefused() {
    Slices slices = new Slices(10, 4);
    assertThatThrownBy(
            () -> slices.paste(2, new FloatVector(new float[4]), new float[10], new float[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid slice 2: 4 values (must be 2)");
  }

  @Test
  void vectorsSurviveSerialisationBitForBit() throws IOException, ClassNotFoundException {
    float[] values = random(5, 40_000);
    values[7] = Float.NaN;
    values[8] = -0.0f;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(new FloatVector(values));
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(((FloatVector) in.readObject()).values()).containsExactly(values);
    }
  }
}
