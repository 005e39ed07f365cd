package io.phiscale.jobs.support;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/**
 * Runs another main class, in a JVM that ends when the one that started it is gone: then the pipe
 * to standard input ends.
 */
final class OrphanGuard {
  private OrphanGuard() {}

  /**
   * Runs the main class.
   *
   * @param args the main class, and its arguments
   */
  public static void main(String[] args) throws Throwable {
    Thread guard = new Thread(OrphanGuard::haltAtEndOfInput, "orphan-guard");
    guard.setDaemon(true);
    guard.start();
    try {
      Class.forName(args[0])
          .getMethod("main", String[].class)
          .invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static void haltAtEndOfInput() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException e) {
      // A broken pipe is its end too.
    }
    Runtime.getRuntime().halt(1);
  }
}
