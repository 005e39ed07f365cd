package io.phiscale.jobs.run;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * What this jar was built from.
 *
 * @param version Maven version
 * @param commit git commit, "-dirty" appended where files had changed; "unknown" outside git
 */
public record BuildInfo(String version, String commit) {
  private static final String RESOURCE = "/io/phiscale/jobs/build.properties";

  /** Of the running code. */
  public static BuildInfo current() {
    Properties properties = new Properties();
    try (InputStream in = BuildInfo.class.getResourceAsStream(RESOURCE)) {
      if (in != null) { // absent where the sources did not come from git
        properties.load(in);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + RESOURCE, e);
    }
    String commit = properties.getProperty("git.commit.id", "unknown");
    boolean dirty = Boolean.parseBoolean(properties.getProperty("git.dirty", "false"));
    return new BuildInfo(
        properties.getProperty("git.build.version", "unknown"), commit + (dirty ? "-dirty" : ""));
  }
}
