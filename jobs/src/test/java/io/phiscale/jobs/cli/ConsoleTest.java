package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ConsoleTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  // A clock that is about to wrap around, as System.nanoTime may.
  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5);

  private Console console(Console.Terminal terminal) {
    return new Console(new PrintWriter(out), new PrintWriter(err), terminal, now::get);
  }

  @Test
  void onATerminalTheProgressLineIsRewritten() {
    Console console = console(Console.Terminal.INTERACTIVE);

    console.progress("epoch 10");
    console.progress("done");
    console.print("result");
    console.note("noted");

    assertThat(err.toString())
        .isEqualTo("\repoch 10\rdone    \r    \rnoted" + System.lineSeparator());
    assertThat(out.toString()).isEqualTo("result" + System.lineSeparator());
  }

  @Test
  void inALogProgressIsSparse() {
    Console console = console(Console.Terminal.PLAIN);

    console.progress("1");
    console.progress("2");
    now.addAndGet(Console.BETWEEN_PLAIN_LINES.toNanos() - 1);
    console.progress("3");
    now.addAndGet(1);
    console.progress("4");

    assertThat(err.toString().lines()).containsExactly("1", "4");
  }
}
