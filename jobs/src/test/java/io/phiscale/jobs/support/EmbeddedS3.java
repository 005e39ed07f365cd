package io.phiscale.jobs.support;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;

/** An S3 server in this JVM that checks signatures, with one bucket; files lie below a folder. */
public final class EmbeddedS3 implements AutoCloseable {
  /** The bucket. */
  public static final String BUCKET = "phiscale";

  private static final String ACCESS_KEY = "TESTACCESSKEY0000001";
  private static final String SECRET_KEY = "test-secret-0000000000000000000000000001";

  private final S3Proxy server;

  /** Starts it on a free port. */
  public EmbeddedS3(Path folder) throws Exception {
    Files.createDirectories(folder.resolve(BUCKET));
    server =
        S3Proxy.builder()
            .blobStore(new FilesystemNio2BlobStore(folder.toString()))
            .endpoint(URI.create("http://127.0.0.1:0"))
            .awsAuthentication(AuthenticationType.AWS_V2_OR_V4, ACCESS_KEY, SECRET_KEY)
            .build();
    server.start();
  }

  /** Its URL. */
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getPort());
  }

  /** Configuration values that reach it, without a second try. */
  public Map<String, String> configuration() {
    Map<String, String> values = configuration(endpoint());
    values.put("storage.properties.\"fs.s3a.attempts.maximum\"", "1");
    values.put("storage.properties.\"fs.s3a.retry.limit\"", "1");
    return values;
  }

  /** Configuration values that reach it by another URL, and say nothing of retries. */
  public Map<String, String> configuration(URI by) {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("storage.s3.endpoint", by.toString());
    values.put("storage.s3.region", "us-east-1");
    values.put("storage.s3.path-style", "true");
    values.put("storage.s3.ssl", "false");
    values.put("storage.s3.access-key", ACCESS_KEY);
    values.put("storage.s3.secret-key", SECRET_KEY);
    return values;
  }

  /** A location in the bucket. */
  public static URI uri(String path) {
    return URI.create("s3a://" + BUCKET + "/" + path);
  }

  /** Also forgets Hadoop's clients: the next server of this JVM has the same bucket elsewhere. */
  @Override
  public void close() throws IOException {
    FileSystem.closeAll();
    try {
      server.stop();
    } catch (Exception e) {
      throw new IOException("Cannot stop the embedded S3 server", e);
    }
  }
}
