package io.phiscale.model.weights;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;

/** Files beside these tests. */
final class Resources {

  private Resources() {}

  static Path path(String name) {
    URL url = Resources.class.getResource(name);
    if (url == null) {
      throw new IllegalArgumentException("No resource " + name);
    }
    try {
      return Path.of(url.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("Not a file: " + url, e);
    }
  }
}
