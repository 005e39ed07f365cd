package io.phiscale.jobs.config;

import java.io.Serializable;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Object storage.
 *
 * @param s3 the S3A file system
 * @param deadline longest wait of the driver for one operation, &gt; 0
 * @param properties any Hadoop properties; they win over those made from {@code s3}
 */
public record StorageSection(S3 s3, Duration deadline, Map<String, String> properties)
    implements Serializable {

  public StorageSection {
    properties = Collections.unmodifiableSortedMap(new TreeMap<>(properties));
    new SectionRules("storage")
        .require(deadline.compareTo(Duration.ZERO) > 0, "deadline", deadline, "> 0")
        .verify();
  }

  /**
   * The Hadoop properties, secrets included: for Hadoop only, never for a log. Keys that are not
   * configured are absent, so that {@code core-site.xml} and the provider chain of the AWS SDK
   * (environment, profile, instance) decide.
   */
  public SortedMap<String, String> hadoopProperties() {
    SortedMap<String, String> hadoop = new TreeMap<>();
    putIfSet(hadoop, "fs.s3a.endpoint", s3.endpoint());
    putIfSet(hadoop, "fs.s3a.endpoint.region", s3.region());
    putIfSet(hadoop, "fs.s3a.access.key", s3.accessKey());
    putIfSet(hadoop, "fs.s3a.secret.key", s3.secretKey());
    putIfSet(hadoop, "fs.s3a.aws.credentials.provider", s3.provider());
    hadoop.put("fs.s3a.path.style.access", Boolean.toString(s3.pathStyle()));
    hadoop.put("fs.s3a.connection.ssl.enabled", Boolean.toString(s3.ssl()));
    hadoop.put("fs.s3a.committer.name", "magic");
    hadoop.putAll(properties);
    return Collections.unmodifiableSortedMap(hadoop);
  }

  @Override
  public String toString() {
    return "StorageSection[s3=%s, deadline=%s, properties=%s]"
        .formatted(s3, deadline, Secrets.redacted(properties));
  }

  private static void putIfSet(Map<String, String> target, String key, String value) {
    if (!value.isEmpty()) {
      target.put(key, value);
    }
  }

  /**
   * The S3A file system. An empty text means: not configured here.
   *
   * @param endpoint URL of a store that is not AWS
   * @param region region name
   * @param pathStyle bucket in the path, not in the host name: most stores that are not AWS need it
   * @param accessKey identifier; set both keys or none
   * @param secretKey its secret; never printed
   * @param provider class names of credential providers
   * @param ssl https, where the endpoint does not say
   */
  public record S3(
      String endpoint,
      String region,
      boolean pathStyle,
      String accessKey,
      String secretKey,
      String provider,
      boolean ssl)
      implements Serializable {

    public S3 {
      new SectionRules("storage.s3")
          .require(
              accessKey.isEmpty() || !secretKey.isEmpty(),
              "secret-key",
              "\"\"",
              "set when storage.s3.access-key is")
          .require(
              secretKey.isEmpty() || !accessKey.isEmpty(),
              "access-key",
              "\"\"",
              "set when storage.s3.secret-key is")
          .verify();
    }

    @Override
    public String toString() {
      return "S3[endpoint=%s, region=%s, pathStyle=%s, accessKey=%s, secretKey=%s, provider=%s, ssl=%s]"
          .formatted(
              endpoint,
              region,
              pathStyle,
              Secrets.shown("access-key", accessKey),
              Secrets.shown("secret-key", secretKey),
              provider,
              ssl);
    }
  }
}
