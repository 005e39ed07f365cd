package io.phiscale.jobs.cli;

import java.io.FileNotFoundException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.UndeclaredThrowableException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Condenses a chain of causes to one line: what was attempted (the first exception that says so)
 * and why it failed (the last cause). Spark's and the JDK's wrappers are seen through.
 */
final class FailureMessage {
  private static final int LONGEST = 400;

  /** What Spark says where it could not send the task's exception itself. */
  private static final Pattern LOST_TASK =
      Pattern.compile(
          "Lost task [^\\n]*?\\): ([\\w.$]+(?:Exception|Error|Throwable))(?:: ([^\\n]*))?");

  /** All of ND4J goes through this class, which cannot be made without a native library. */
  private static final String ND4J = "Could not initialize class org.nd4j.linalg.factory.Nd4j";

  private FailureMessage() {}

  static String of(Throwable failure) {
    List<Throwable> telling = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
      if (cause instanceof NoClassDefFoundError && ND4J.equals(cause.getMessage())) {
        return String.format(
            "Cannot load ND4J's native library on %s %s (the build is for linux-x86_64, with -Pcuda"
                + " for NVIDIA GPUs there)",
            System.getProperty("os.name"), System.getProperty("os.arch"));
      }
      if (cause.getCause() == null || !isWrapper(cause)) {
        telling.add(cause);
      }
    }
    String first = describe(telling.get(0));
    String last = describe(telling.get(telling.size() - 1));
    String message = first.contains(last) ? first : first + ": " + last;
    return message.length() <= LONGEST ? message : message.substring(0, LONGEST - 3) + "...";
  }

  private static boolean isWrapper(Throwable exception) {
    String message = exception.getMessage();
    return exception instanceof ExecutionException
        || exception instanceof CompletionException
        || exception instanceof InvocationTargetException
        || exception instanceof UndeclaredThrowableException
        || exception instanceof UncheckedIOException
        || exception.getClass().getName().startsWith("org.apache.spark.")
        || message == null
        || message.isBlank()
        || message.equals(exception.getCause().toString());
  }

  private static String describe(Throwable exception) {
    String message = exception.getMessage() == null ? "" : exception.getMessage();
    Matcher lostTask = LOST_TASK.matcher(message);
    if (lostTask.find()) {
      return lostTask.group(2) == null || lostTask.group(2).isBlank()
          ? simpleName(lostTask.group(1))
          : lostTask.group(2).strip();
    }
    String line = message.strip().lines().findFirst().orElse("").strip();
    if (exception instanceof OutOfMemoryError) {
      return "Out of memory: " + line + " (PHISCALE_HEAP sets the heap, 4g unless set)";
    }
    if (line.isEmpty()) {
      return simpleName(exception.getClass().getName());
    }
    // These carry nothing but a name.
    if (exception instanceof NoSuchFileException) {
      return "No such file: " + line;
    }
    if (exception instanceof AccessDeniedException && !line.contains(" ")) {
      return "Access denied: " + line;
    }
    if (exception instanceof FileNotFoundException && !line.contains(" ")) {
      return "No such file: " + line;
    }
    if (exception instanceof UnknownHostException && !line.contains(" ")) {
      return "Unknown host: " + line;
    }
    if (exception instanceof Error
        || exception instanceof NullPointerException
        || exception instanceof ClassCastException
        || exception instanceof IndexOutOfBoundsException) {
      return simpleName(exception.getClass().getName()) + ": " + line;
    }
    return line;
  }

  private static String simpleName(String className) {
    return className.substring(className.lastIndexOf('.') + 1);
  }
}
