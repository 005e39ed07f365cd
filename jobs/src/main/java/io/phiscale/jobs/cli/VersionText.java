package io.phiscale.jobs.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** Version and commit, as the build wrote them into the jar. */
final class VersionText implements IVersionProvider {
  @Override
  public String[] getVersion() throws IOException {
    Properties git = new Properties();
    try (InputStream in =
        VersionText.class.getResourceAsStream("/io/phiscale/jobs/build.properties")) {
      if (in != null) {
        git.load(in);
      }
    }
    String dirty = Boolean.parseBoolean(git.getProperty("git.dirty")) ? "-dirty" : "";
    return new String[] {
      "phiscale %s (commit %s%s, Java %s)"
          .formatted(
              git.getProperty("git.build.version", "unknown"),
              git.getProperty("git.commit.id", "unknown"),
              dirty,
              Runtime.version())
    };
  }
}
