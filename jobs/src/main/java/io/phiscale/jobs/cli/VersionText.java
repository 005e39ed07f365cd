package io.phiscale.jobs.cli;

import io.phiscale.jobs.run.BuildInfo;
import picocli.CommandLine.IVersionProvider;

/** Version and commit, as the build wrote them into the jar. */
final class VersionText implements IVersionProvider {
  @Override
  public String[] getVersion() {
    BuildInfo build = BuildInfo.current();
    return new String[] {
      "phiscale %s (commit %s, Java %s)"
          .formatted(build.version(), build.commit(), Runtime.version())
    };
  }
}
