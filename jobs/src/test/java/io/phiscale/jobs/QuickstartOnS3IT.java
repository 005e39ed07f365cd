package io.phiscale.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole quickstart with its images, shards, checkpoints and reports on an S3 server over TLS,
 * by the launcher and the assembled jar: {@code ./mvnw -Pceph verify}, with the server in the
 * environment.
 *
 * <pre>
 *   PHISCALE_IT_S3_ENDPOINT    as https://127.0.0.1:5611
 *   PHISCALE_IT_S3_BUCKET      an existing bucket; what is written there is deleted again
 *   PHISCALE_IT_S3_ACCESS_KEY, PHISCALE_IT_S3_SECRET_KEY
 *   PHISCALE_IT_S3_CA          PEM file of the authority that signed the server's certificate;
 *                              unset: those that Java knows
 * </pre>
 */
@Tag("ceph")
class QuickstartOnS3IT {
  private static final Path LAUNCHER = Path.of("bin", "phiscale").toAbsolutePath();
  private static final Path IMAGES = Path.of("src", "quickstart", "fashion-mnist").toAbsolutePath();
  private static final String PASSWORD = "changeit";

  @TempDir Path folder;
  private URI root;
  private Storage storage;

  @BeforeEach
  void server() throws Exception {
    assertThat(variable("ENDPOINT")).as("PHISCALE_IT_S3_ENDPOINT").startsWith("https://");
    if (System.getenv("PHISCALE_IT_S3_CA") != null) {
      trust(Path.of(variable("CA")));
      System.setProperty("javax.net.ssl.trustStore", trustStore().toString());
      System.setProperty("javax.net.ssl.trustStorePassword", PASSWORD);
    }
    root = URI.create("s3a://" + variable("BUCKET") + "/phiscale-it-" + UUID.randomUUID());
    Files.writeString(
        folder.resolve("s3.conf"),
        """
        storage.s3 {
          endpoint = "%s"
          region = "us-east-1"
          path-style = true
          access-key = ${PHISCALE_IT_S3_ACCESS_KEY}
          secret-key = ${PHISCALE_IT_S3_SECRET_KEY}
        }
        include "%s"
        # How fast is not what is tested.
        train.deadline = 2 hours
        data.source { train = "%s/images/train.tar", validation.uri = "%s/images/validation.tar" }
        """
            .formatted(
                variable("ENDPOINT"),
                Path.of("..", "conf", "quickstart.conf").toAbsolutePath().normalize(),
                root,
                root));
    ConfigurationLoader loader = new ConfigurationLoader();
    loader.set("storage.s3.endpoint=" + variable("ENDPOINT"));
    loader.set("storage.s3.region=us-east-1");
    loader.set("storage.s3.path-style=true");
    loader.set("storage.s3.access-key=" + variable("ACCESS_KEY"));
    loader.set("storage.s3.secret-key=" + variable("SECRET_KEY"));
    storage = DriverStorage.of(loader.load());
    for (String name : List.of("train.tar", "validation.tar")) {
      storage.writeAtomically(
          Storage.resolve(root, "images/" + name), out -> Files.copy(IMAGES.resolve(name), out));
    }
  }

  @AfterEach
  void clean() throws IOException {
    storage.delete(root);
  }

  private static String variable(String name) {
    String value = System.getenv("PHISCALE_IT_S3_" + name);
    assertThat(value).as("environment variable PHISCALE_IT_S3_" + name).isNotBlank();
    return value;
  }

  private Path trustStore() {
    return folder.resolve("trust.p12");
  }

  private void trust(Path pem) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (InputStream in = Files.newInputStream(pem)) {
      int number = 0;
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca-" + number++, certificate);
      }
    }
    try (OutputStream out = Files.newOutputStream(trustStore())) {
      store.store(out, PASSWORD.toCharArray());
    }
  }

  private record Outcome(int exitCode, String out, String err) {}

  private Outcome quickstart(Map<String, String> environment) throws Exception {
    List<String> command =
        List.of(
            LAUNCHER.toString(),
            "quickstart",
            "--config",
            folder.resolve("s3.conf").toString(),
            "--output",
            root + "/out");
    File out = folder.resolve("out").toFile();
    File err = folder.resolve("err").toFile();
    Path work = Files.createDirectories(folder.resolve("work"));
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(work.toFile()).redirectOutput(out).redirectError(err);
    builder.environment().keySet().removeAll(List.of("SPARK_HOME", "PHISCALE_HEAP"));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("PHISCALE_SKIP_BUILD", "1");
    if (Files.exists(trustStore())) {
      builder
          .environment()
          .put(
              "JAVA_TOOL_OPTIONS",
              "-Djavax.net.ssl.trustStore=%s -Djavax.net.ssl.trustStorePassword=%s"
                  .formatted(trustStore(), PASSWORD));
    }
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    boolean ended = process.waitFor(3, TimeUnit.HOURS);
    if (!ended) {
      process.destroyForcibly();
    }
    assertThat(ended).as("ends").isTrue();
    try (Stream<Path> left = Files.list(work)) {
      assertThat(left).as("nothing is written here").isEmpty();
    }
    return new Outcome(
        process.exitValue(), Files.readString(out.toPath()), Files.readString(err.toPath()));
  }

  @Test
  void everythingLiesThereAndAgainNothingIsComputed() throws Exception {
    Outcome wrong = quickstart(Map.of("PHISCALE_IT_S3_SECRET_KEY", "not-the-secret"));
    assertThat(wrong.exitCode()).isEqualTo(1);
    assertThat(wrong.err().lines().filter(line -> line.startsWith("phiscale")))
        .singleElement()
        .asString()
        .contains("Access denied", "storage.s3")
        .doesNotContain("not-the-secret");

    Outcome first = quickstart(Map.of());
    assertThat(first.exitCode()).as(first.err()).isZero();
    assertThat(first.out()).contains("Sharded:", "phi-0", "phi-1", "phi-2", root + "/out/study");

    URI shards = Storage.resolve(root, "out/shards");
    ShardManifest manifest = ShardManifest.read(storage, shards);
    assertThat(manifest.split("train").images()).isEqualTo(4_000);
    assertThat(manifest.split("val").images()).isEqualTo(2_000);
    assertThat(storage.readUtf8(Storage.resolve(shards, "train/_SUCCESS")))
        .contains("\"committer\":\"magic\"");
    for (String network : List.of("phi-0", "phi-1", "phi-2")) {
      URI run = Storage.resolve(root, "out/study/" + network);
      assertThat(storage.exists(Storage.resolve(run, "checkpoints/latest.json"))).isTrue();
      assertThat(storage.readUtf8(Storage.resolve(run, "run.json")))
          .doesNotContain(variable("SECRET_KEY"));
    }
    URI page = Storage.resolve(root, "out/study/report.html");
    assertThat(storage.readUtf8(page)).contains("phi-2").doesNotContain(variable("SECRET_KEY"));
    assertThat(first.out() + first.err()).doesNotContain(variable("SECRET_KEY"));
    List<String> before = checkpoints();
    assertThat(before).isNotEmpty().noneMatch(path -> path.contains(".tmp"));

    Outcome again = quickstart(Map.of());
    assertThat(again.exitCode()).as(again.err()).isZero();
    assertThat(again.out()).contains("Shards of this configuration are there already");
    assertThat(table(again.out())).isEqualTo(table(first.out()));
    assertThat(checkpoints()).isEqualTo(before);
  }

  private List<String> checkpoints() throws IOException {
    List<String> paths = new ArrayList<>();
    for (StoredFile file : storage.listRecursively(Storage.resolve(root, "out/study"))) {
      if (file.uri().getPath().contains("/checkpoints/")) {
        paths.add(file.uri().getPath() + " " + file.bytes());
      }
    }
    return paths;
  }

  /** Networks and what they scored, without the times of this run. */
  private static List<String> table(String out) {
    return out.lines()
        .filter(line -> line.strip().startsWith("phi-"))
        .map(
            line ->
                Stream.of(line.strip().split("\\s+"))
                    .filter(word -> word.startsWith("phi-") || word.matches("\\d+\\.\\d+%?"))
                    .limit(4)
                    .toList()
                    .toString())
        .toList();
  }
}
