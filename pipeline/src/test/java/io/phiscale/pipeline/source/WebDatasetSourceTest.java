package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.ShardRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class WebDatasetSourceTest extends SourceTest {
  private static byte[] golden() throws IOException {
    try (InputStream in =
        WebDatasetSourceTest.class.getResourceAsStream("/webdataset/golden.tar")) {
      return in.readAllBytes();
    }
  }

  private static WebDatasetSource source(URI location) {
    return new WebDatasetSource(location, Optional.empty(), "", 0);
  }

  private static byte[] text(String text) {
    return text.getBytes(UTF_8);
  }

  /** A location as a configuration gives it: braces are no characters of a URI. */
  private URI pattern(String name) {
    return URI.create(
        uri("").toString()
            + "/"
            + name.replace("{", "%7B").replace("}", "%7D").replace("?", "%3F"));
  }

  @Test
  void writesTheBytesThatTheLibraryWrites() throws IOException {
    byte[] bytes = new byte[768];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) i;
    }
    byte[] jpeg = text("??not decoded??");
    jpeg[0] = (byte) 0xFF;
    jpeg[1] = (byte) 0xD8;
    jpeg[jpeg.length - 2] = (byte) 0xFF;
    jpeg[jpeg.length - 1] = (byte) 0xD9;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (WebDatasetWriter writer = new WebDatasetWriter(out)) {
      writer.write("n01440764/10026", Map.of("cls", text("7"), "jpg", jpeg));
      writer.write("plain", Map.of("json", text("{\"label\": 3}"), "png", bytes));
      writer.write(
          "a/".repeat(40) + "long-name-".repeat(8) + "end",
          Map.of("cls", text("tench"), "jpg", text("x".repeat(512))));
      writer.write("n02/\u00e9t\u00e9", Map.of("cls", text("0"), "webp", text("w")));
    }
    assertThat(Arrays.mismatch(out.toByteArray(), golden())).as("first other byte").isEqualTo(-1);
  }

  @Test
  void readsWhatTheLibraryWrote() throws Exception {
    WebDatasetSource source = source(write("golden.tar", golden()));
    assertThat(source.labelSpace(storage).names()).containsExactly("0", "3", "7", "tench");
    List<SourceItem> items = items(source);
    assertThat(summaries(items))
        .containsExactly(
            "n01440764/10026.jpg 7",
            "plain.png 3",
            "a/".repeat(40) + "long-name-".repeat(8) + "end.jpg tench",
            "n02/\u00e9t\u00e9.webp 0");
    assertThat(image(items, "plain.png").orElseThrow()).hasSize(768).startsWith(0, 1, 2);
  }

  @Test
  void storedImagesComeBackAsTheyWere() throws Exception {
    LabelSpace classes = LabelSpace.of(List.of("tench", "great.white", "cock"));
    List<ShardRecord> stored = new ArrayList<>();
    List<String> keys =
        List.of(
            "n01/1.JPEG",
            "n01/1.png",
            "no-extension",
            "n02/with.dots.v2.png",
            "p/".repeat(200) + "x.png");
    for (int i = 0; i < keys.size(); i++) {
      stored.add(ShardRecord.of(keys.get(i), i % 3, png(i), 3, 2, i == 0 ? "jpeg" : "png"));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (WebDatasetWriter writer = new WebDatasetWriter(out)) {
      for (ShardRecord image : stored) {
        writer.write(image, classes.name(image.label()));
      }
    }
    URI tar = write("out/train-000000.tar", out.toByteArray());
    URI list = write("out/classes.txt", String.join("\n", classes.names()));
    WebDatasetSource source = new WebDatasetSource(tar, Optional.of(list), "", 0);
    assertThat(source.labelSpace(storage)).isEqualTo(classes);
    List<SourceItem> items = items(source);
    assertThat(items).hasSize(stored.size());
    for (int i = 0; i < stored.size(); i++) {
      assertThat(items.get(i))
          .isEqualTo(
              new SourceItem.LabelledImage(
                  keys.get(i), classes.name(i % 3), stored.get(i).image()));
    }
    WebDatasetSource byName = new WebDatasetSource(tar, Optional.empty(), "class", 0);
    assertThat(byName.labelSpace(storage).names()).containsExactly("cock", "great.white", "tench");
  }

  @Test
  void numbersAreLabelsAndPatternsSelectTars() throws Exception {
    for (int shard = 8; shard <= 11; shard++) {
      byte[] tar =
          Tars.gnu()
              .file("s%s.cls".formatted(shard), text(shard - 8 + "\n"))
              .file("s%s.jpg".formatted(shard), png(shard))
              .bytes();
      write("wds/train-%04d.tar".formatted(shard), tar);
      write("wds/val-%04d.tgz".formatted(shard), Tars.gzip(tar));
    }
    write("wds/sizes.json", "{}");
    List<String> all = List.of("s8.jpg 0", "s9.jpg 1", "s10.jpg 2", "s11.jpg 3");
    assertThat(summaries(items(source(pattern("wds/train-{0008..0011}.tar"))))).isEqualTo(all);
    assertThat(summaries(items(source(pattern("wds/{train,nope}-00*.tar"))))).isEqualTo(all);
    assertThat(summaries(items(source(pattern("wds/val-00??.tgz"))))).isEqualTo(all);
    assertThat(summaries(items(source(pattern("wds/{train,val}-0009.t*"))))).hasSize(2);
    assertThat(items(source(uri("wds")))).hasSize(8);
    WebDatasetSource gap = source(uri("wds/train-0010.tar"));
    assertThat(gap.labelSpace(storage).names()).containsExactly("0", "1", "2");
    assertThat(source(pattern("wds/train-{0008..0011}.tar")).description())
        .isEqualTo("WebDataset " + uri("wds") + "/train-{0008..0011}.tar");
    assertThat(FilePatterns.braces("a{9..11}{x,y}"))
        .containsExactly("a10x", "a10y", "a11x", "a11y", "a9x", "a9y");
  }

  @Test
  void labelsAreReadFromAFieldAndFromAList() throws Exception {
    byte[] tar =
        Tars.gnu()
            .file("a.json", text("{\"meta\": {\"class\": \"dog\"}, \"label\": 2}"))
            .file("a.png", png(1))
            .file("b.json", text("{\"meta\": {\"class\": \"cow\"}}"))
            .file("b.png", png(2))
            .bytes();
    URI file = write("t.tar", tar);
    URI list = write("classes.txt", "cat\ndog\n");
    assertThat(summaries(items(new WebDatasetSource(file, Optional.of(list), "meta.class", 0))))
        .containsExactly("a.png dog", "b.png: unknown-label");
    assertThat(summaries(items(new WebDatasetSource(file, Optional.of(list), "", 1))))
        .containsExactly("a.png dog", "b.png: unknown-label");
  }

  @Test
  void badSamplesAreRejectedEachUnderItsReason() throws Exception {
    byte[] tar =
        Tars.gnu()
            .file("__meta__/x.jpg", png(0))
            .file("nodot", png(0))
            .file("a.jpg", png(1))
            .file("b.cls", text("1"))
            .file("c.jpg", new byte[0])
            .file("c.cls", text("1"))
            .file("d.jpg", png(4))
            .file("D.cls", text("0"))
            .file("e.JPG", png(5))
            .file("e.jpg", png(6))
            .file("e.cls", text("0"))
            .file("../f.jpg", png(7))
            .symbolicLink("g.jpg", "a.jpg")
            .file("h.json", text("{broken"))
            .file("h.jpg", png(8))
            .file("i.cls", text("1"))
            .file("i.seg.png", png(9))
            .file("i.jpg", png(9))
            .bytes();
    assertThat(summaries(items(source(write("bad.tar", tar)))))
        .containsExactly(
            "a.jpg: unknown-label",
            "b: unsupported-format",
            "c.jpg: empty",
            "d.jpg: unknown-label",
            "D: unsupported-format",
            "e.jpg: duplicate-key",
            "../f.jpg: unsafe-entry",
            "g.jpg: link-entry",
            "h.jpg: unknown-label",
            "i.jpg 1");
  }

  @Test
  void whatIsNoWebDatasetIsAnError() throws IOException {
    write("none/readme.txt", "x");
    assertThatThrownBy(() -> source(uri("none")).splits(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "No files in %s: expected .tar files of samples (KEY.jpg with KEY.cls or KEY.json)",
            uri("none"));
    assertThatThrownBy(() -> source(pattern("none/x-{0..1}.tar")).splits(storage))
        .hasMessage("No such file: %s/x-0.tar", uri("none"));
    URI text = write("text.tar", "x".repeat(600));
    assertThatThrownBy(() -> source(text).labelSpace(storage))
        .hasMessage("Not a tar: %s (no header at offset 0)", text);
    URI unlabelled = write("unlabelled.tar", Tars.gnu().file("a.jpg", png(1)).bytes());
    assertThatThrownBy(() -> source(unlabelled).labelSpace(storage))
        .hasMessageStartingWith("No labelled images in %s: expected ", unlabelled);
    URI cut = write("cut.tar", Arrays.copyOf(Tars.gnu().file("a.jpg", png(1)).bytes(), 520));
    assertThatThrownBy(() -> source(cut).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Truncated tar ");
  }
}
