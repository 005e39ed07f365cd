package io.phiscale.jobs.support;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A JVM with this one's class path, started as the launcher starts one, whose output (standard
 * error included) can be waited for line by line. It ends when this JVM does, even by a kill.
 */
public final class JvmProcess implements AutoCloseable {
  private static final int LINES_SHOWN = 60;

  /** As {@code jobs/bin/phiscale} and surefire give them. */
  private static final List<String> OPENED =
      List.of(
          "java.lang",
          "java.lang.invoke",
          "java.lang.reflect",
          "java.io",
          "java.net",
          "java.nio",
          "java.util",
          "java.util.concurrent",
          "java.util.concurrent.atomic",
          "sun.nio.ch",
          "sun.nio.cs",
          "sun.security.action",
          "sun.util.calendar");

  private final String name;
  private final Process process;
  private final Thread reader;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<String> lines = new ArrayList<>();
  private boolean ended;
  private int seen;

  /**
   * Starts it.
   *
   * @param name for messages
   * @param environment added to this JVM's
   * @param options of the JVM
   * @param mainClass what it runs
   * @param arguments of the main class
   */
  public JvmProcess(
      String name,
      Map<String, String> environment,
      List<String> options,
      Class<?> mainClass,
      List<String> arguments)
      throws IOException {
    this.name = name;
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Djava.awt.headless=true");
    command.add("--add-modules=jdk.incubator.vector");
    for (String opened : OPENED) {
      command.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED");
    }
    command.addAll(options);
    command.add(OrphanGuard.class.getName());
    command.add(mainClass.getName());
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // Not an argument: it is longer than what ps and jps show, and hides what follows.
    builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    builder.environment().putAll(environment);
    process = builder.start();
    reader = new Thread(this::read, "output-of-" + name);
    reader.setDaemon(true);
    reader.start();
  }

  private void read() {
    StringBuilder line = new StringBuilder();
    try (Reader output = new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)) {
      for (int next = output.read(); next >= 0; next = output.read()) {
        // A progress line is rewritten in place: it begins with a carriage return.
        if (next != '\n' && next != '\r') {
          line.append((char) next);
        } else if (!line.isEmpty()) {
          add(line.toString());
          line.setLength(0);
        }
        if (next == ' ' && line.indexOf("  ETA ") > 0) {
          // Nothing ends the newest progress line until the next one comes.
          add(line.toString());
          line.setLength(0);
        }
      }
    } catch (IOException e) {
      add("(its output ended: " + e.getMessage() + ")");
    } finally {
      lock.lock();
      try {
        ended = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private void add(String line) {
    lock.lock();
    try {
      lines.add(line);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What the operating system calls it. */
  public ProcessHandle handle() {
    return process.toHandle();
  }

  /**
   * Waits for a line, after the last one that was waited for, in which a pattern is found.
   *
   * @throws IllegalStateException if it does not come in time, or the process ends before; shows
   *     the last lines
   */
  public MatchResult await(Pattern pattern, Duration deadline) throws InterruptedException {
    lock.lock();
    try {
      long end = System.nanoTime() + deadline.toNanos();
      while (true) {
        while (seen < lines.size()) {
          Matcher matcher = pattern.matcher(lines.get(seen++));
          if (matcher.find()) {
            return matcher.toMatchResult();
          }
        }
        long left = end - System.nanoTime();
        if (ended || left <= 0) {
          throw new IllegalStateException(
              String.format(
                  "%s %s without a line like %s; its last lines:%n%s",
                  name,
                  ended ? "ended" : "worked for " + deadline,
                  pattern,
                  String.join(System.lineSeparator(), tail())));
        }
        changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  private List<String> tail() {
    return lines.subList(Math.max(0, lines.size() - LINES_SHOWN), lines.size());
  }

  /** Everything it has printed so far. */
  public String output() {
    lock.lock();
    try {
      return String.join("\n", lines);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for its end and for the last of its output.
   *
   * @return its exit code
   * @throws IllegalStateException if it does not end in time; shows the last lines
   */
  public int exitCode(Duration deadline) throws InterruptedException {
    if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IllegalStateException(
          String.format("%s did not end within %s; it printed:%n%s", name, deadline, output()));
    }
    reader.join(deadline.toMillis());
    return process.exitValue();
  }

  /** {@code kill -9}. */
  public void kill() {
    kill(process.toHandle());
  }

  /** {@code kill -9} of a process, and the wait for its end. */
  public static void kill(ProcessHandle victim) {
    CompletableFuture<ProcessHandle> end = victim.onExit();
    victim.destroyForcibly();
    try {
      end.get(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("Cannot kill process " + victim.pid(), e);
    }
  }

  /** {@code kill -STOP} or {@code -CONT}: makes a process stand still, or go on. */
  public static void signal(ProcessHandle target, String signal) throws InterruptedException {
    try {
      int exitCode =
          new ProcessBuilder("/bin/sh", "-c", "kill -" + signal + " " + target.pid())
              .inheritIO()
              .start()
              .waitFor();
      if (exitCode != 0) {
        throw new IllegalStateException("Cannot send " + signal + " to process " + target.pid());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Kills it and what it has started. */
  @Override
  public void close() {
    List<ProcessHandle> children = process.descendants().toList();
    kill();
    children.forEach(JvmProcess::kill);
  }
}
