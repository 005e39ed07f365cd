package io.phiscale.jobs.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * Where jobs print: results to standard output, one progress line to standard error. On a terminal
 * the progress line is rewritten in place; elsewhere, so that a log stays readable, it is printed
 * at most every ten seconds. Safe for use by several threads.
 */
public final class Console {
  /** What standard error is. */
  public enum Terminal {
    /** A terminal: the progress line is rewritten in place. */
    INTERACTIVE,
    /** A file or a pipe: a progress line every ten seconds. */
    PLAIN
  }

  static final Duration BETWEEN_PLAIN_LINES = Duration.ofSeconds(10);

  private final PrintWriter out;
  private final PrintWriter err;
  private final Terminal terminal;
  private final LongSupplier nanoTime;
  private int shownLength;
  private boolean anyPlainLine;
  private long lastPlainLine;

  public Console(PrintWriter out, PrintWriter err, Terminal terminal) {
    this(out, err, terminal, System::nanoTime);
  }

  Console(PrintWriter out, PrintWriter err, Terminal terminal, LongSupplier nanoTime) {
    this.out = Objects.requireNonNull(out, "out");
    this.err = Objects.requireNonNull(err, "err");
    this.terminal = Objects.requireNonNull(terminal, "terminal");
    this.nanoTime = nanoTime;
  }

  /** Prints a line, or several, of the result. */
  public synchronized void print(String lines) {
    clearProgress();
    out.println(lines);
    out.flush();
  }

  /** Prints a line about the work itself: what begins, what was skipped. */
  public synchronized void note(String line) {
    clearProgress();
    err.println(line);
    err.flush();
  }

  /** Shows how far the work is, in place of the progress line before. */
  public synchronized void progress(String line) {
    if (terminal == Terminal.INTERACTIVE) {
      err.print("\r" + line + " ".repeat(Math.max(0, shownLength - line.length())));
      shownLength = line.length();
      err.flush();
      return;
    }
    long now = nanoTime.getAsLong();
    if (!anyPlainLine || now - lastPlainLine >= BETWEEN_PLAIN_LINES.toNanos()) {
      anyPlainLine = true;
      lastPlainLine = now;
      err.println(line);
      err.flush();
    }
  }

  /** Removes the progress line, so that what follows begins at the margin. */
  synchronized void clearProgress() {
    if (shownLength > 0) {
      err.print("\r" + " ".repeat(shownLength) + "\r");
      err.flush();
      shownLength = 0;
    }
  }
}
