package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingListenerTest {
  private final List<String> heard = new ArrayList<>();

  private TrainingListener recorder(String name) {
    return (TrainingListener)
        Proxy.newProxyInstance(
            TrainingListener.class.getClassLoader(),
            new Class<?>[] {TrainingListener.class},
            (proxy, method, arguments) -> {
              heard.add(name + " " + method.getName());
              return null;
            });
  }

  /** A method that is added to the interface must be passed on too. */
  @Test
  void allTellsEveryoneOfEverything() throws Exception {
    TrainingListener all = TrainingListener.all(List.of(recorder("first"), recorder("second")));
    List<String> expected = new ArrayList<>();
    for (Method method : TrainingListener.class.getMethods()) {
      if (!Modifier.isStatic(method.getModifiers())) {
        expected.add("first " + method.getName());
        expected.add("second " + method.getName());
        method.invoke(
            all,
            Arrays.stream(method.getParameterTypes())
                .map(type -> type == int.class ? (Object) 1 : null)
                .toArray());
      }
    }

    assertThat(heard).containsExactlyElementsOf(expected).hasSizeGreaterThanOrEqualTo(8);
  }
}
