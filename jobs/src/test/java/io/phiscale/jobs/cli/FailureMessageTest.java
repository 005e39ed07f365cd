package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.ExecutionException;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;

class FailureMessageTest {
  @Test
  void wrappersAreSeenThrough() {
    IOException root = new IOException("Cannot read s3a://b/x");

    assertThat(FailureMessage.of(root)).isEqualTo("Cannot read s3a://b/x");
    assertThat(FailureMessage.of(new ExecutionException(new UncheckedIOException(root))))
        .isEqualTo("Cannot read s3a://b/x");
    assertThat(FailureMessage.of(new RuntimeException(root))).isEqualTo("Cannot read s3a://b/x");
    assertThat(FailureMessage.of(new SparkException("Job aborted due to stage failure", root)))
        .isEqualTo("Cannot read s3a://b/x");
  }

  @Test
  void attemptAndReasonAreBothTold() {
    assertThat(
            FailureMessage.of(
                new IOException(
                    "Cannot read s3a://b/x",
                    new IOException("getFileStatus", new IOException("403 Forbidden\nmore")))))
        .isEqualTo("Cannot read s3a://b/x: 403 Forbidden");
    assertThat(
            FailureMessage.of(new IOException("Cannot read x: denied", new IOException("denied"))))
        .isEqualTo("Cannot read x: denied");
  }

  @Test
  void theTasksExceptionIsFoundInSparksText() {
    String text =
        "Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times, most recent"
            + " failure: Lost task 0.3 in stage 3.0 (TID 7) (10.0.0.1 executor 2):"
            + " java.lang.IllegalStateException: Loss is NaN at worker 1, round 3, step 12\n"
            + "\tat a.B.c(B.java:1)\n\nDriver stacktrace:";

    assertThat(FailureMessage.of(new SparkException(text)))
        .isEqualTo("Loss is NaN at worker 1, round 3, step 12");
  }

  @Test
  void bareNamesAreExplained() {
    assertThat(FailureMessage.of(new NoSuchFileException("/a/b"))).isEqualTo("No such file: /a/b");
    assertThat(FailureMessage.of(new FileNotFoundException("s3a://a/b")))
        .isEqualTo("No such file: s3a://a/b");
    assertThat(FailureMessage.of(new FileNotFoundException("File file:/a does not exist")))
        .isEqualTo("File file:/a does not exist");
    assertThat(FailureMessage.of(new AccessDeniedException("/a"))).isEqualTo("Access denied: /a");
    assertThat(FailureMessage.of(new UnknownHostException("nowhere")))
        .isEqualTo("Unknown host: nowhere");
    assertThat(FailureMessage.of(new NullPointerException())).isEqualTo("NullPointerException");
    assertThat(FailureMessage.of(new UnsatisfiedLinkError("no jnind4jcpu")))
        .isEqualTo("UnsatisfiedLinkError: no jnind4jcpu");
  }

  @Test
  void aMachineWithoutNativeLibraryIsNamed() {
    Throwable failure =
        new NoClassDefFoundError("Could not initialize class org.nd4j.linalg.factory.Nd4j")
            .initCause(new ExceptionInInitializerError("Exception java.lang.Error [in main]"));

    assertThat(FailureMessage.of(new ExecutionException(failure)))
        .isEqualTo(
            "Cannot load ND4J's native library on %s %s (the build is for linux-x86_64, with -Pcuda"
                + " for NVIDIA GPUs there)",
            System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  @Test
  void circlesAndLongMessagesEnd() {
    RuntimeException first = new RuntimeException("first");
    RuntimeException second = new RuntimeException("second", first);
    first.initCause(second);

    assertThat(FailureMessage.of(first)).isEqualTo("first: second");
    assertThat(FailureMessage.of(new IOException("x".repeat(1000)))).hasSize(400).endsWith("...");
  }
}
