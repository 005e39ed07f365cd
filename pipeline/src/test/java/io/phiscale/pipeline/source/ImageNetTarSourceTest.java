package io.phiscale.pipeline.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.shard.RejectReason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ImageNetTarSourceTest extends SourceTest {
  private static byte[] inner(String synset, int first, int count) {
    Tars tars = Tars.gnu();
    for (int i = first; i < first + count; i++) {
      tars.file("%s_%s.JPEG".formatted(synset, i), png(i));
    }
    return tars.bytes();
  }

  @Test
  void readsATarOfTars() throws Exception {
    URI tar =
        write(
            "ILSVRC2012_img_train.tar",
            Tars.gnu()
                .file("n02000000.tar", inner("n02000000", 10, 2))
                .file("n01440764.tar", inner("n01440764", 20, 3))
                .file("README", png(0))
                .bytes());
    ImageNetTarSource source = new ImageNetTarSource(tar);

    assertThat(source.labelSpace(storage).names()).containsExactly("n01440764", "n02000000");
    List<SourceSplit> splits = source.splits(storage);
    assertThat(splits).hasSize(2);
    assertThat(splits.get(1).bytes()).isEqualTo(inner("n01440764", 20, 3).length);
    List<SourceItem> items = items(source);
    assertThat(summaries(items))
        .containsExactly(
            "n02000000/n02000000_10.JPEG n02000000",
            "n02000000/n02000000_11.JPEG n02000000",
            "n01440764/n01440764_20.JPEG n01440764",
            "n01440764/n01440764_21.JPEG n01440764",
            "n01440764/n01440764_22.JPEG n01440764");
    assertThat(image(items, "n01440764/n01440764_21.JPEG")).hasValue(png(21));
    assertThat(source.description()).isEqualTo("tar of class tars " + tar);
  }

  @Test
  void keysAreThoseOfTheExtractedFolders() throws Exception {
    URI tar =
        write("train.tar", Tars.gnu().file("n01440764.tar", inner("n01440764", 1, 2)).bytes());
    for (int i = 1; i <= 2; i++) {
      write("train/n01440764/n01440764_%s.JPEG".formatted(i), png(i));
    }
    assertThat(items(new ImageNetTarSource(tar)))
        .isEqualTo(items(new ClassFolderSource(uri("train"))));
  }

  @Test
  void badEntriesAreRejectedEachUnderItsReason() throws Exception {
    byte[] bad =
        Tars.gnu()
            .directory("more")
            .file("more/1.JPEG", png(1))
            .file("empty.JPEG", new byte[0])
            .symbolicLink("link.JPEG", "more/1.JPEG")
            .file("../../evil.JPEG", png(2))
            .file(".hidden", png(3))
            .bytes();
    URI tar =
        write(
            "train.tar",
            Tars.gnu()
                .file("n01.tar", bad)
                .file("n01.tar", bad)
                .file("n02.tar", new byte[0])
                .file("notes.txt", png(4))
                .symbolicLink("n03.tar", "n01.tar")
                .file("../n04.tar", bad)
                .bytes());
    ImageNetTarSource source = new ImageNetTarSource(tar);
    assertThat(source.labelSpace(storage).names()).containsExactly("n01");
    assertThat(summaries(items(source)))
        .containsExactly(
            "n01/more/1.JPEG n01",
            "n01/empty.JPEG: empty",
            "n01/link.JPEG: link-entry",
            "../../evil.JPEG: unsafe-entry",
            "n01.tar: duplicate-key",
            "n02.tar: empty",
            "notes.txt: unsupported-format",
            "n03.tar: link-entry",
            "../n04.tar: unsafe-entry");
  }

  @Test
  void anInnerTarIsReadWithinItsBounds() throws Exception {
    // The inner tar lacks its end and claims a content that reaches into the next inner tar.
    byte[] cut = Arrays.copyOf(inner("n01", 1, 1), 512 + 20);
    URI tar =
        write(
            "train.tar",
            Tars.gnu().file("n01.tar", cut).file("n02.tar", inner("n02", 5, 1)).bytes());
    ImageNetTarSource source = new ImageNetTarSource(tar);
    SourceSplit first = source.splits(storage).get(0);
    assertThatThrownBy(() -> items(source, first))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "Truncated tar %s: it ends at offset %s, before the end of n01_1.JPEG",
            tar, 512 + cut.length);
    SourceSplit second = source.splits(storage).get(1);
    assertThat(summaries(items(source, second))).containsExactly("n02/n02_5.JPEG n02");
  }

  @Test
  void aTarWithoutTarsIsAnError() throws IOException {
    URI tar = write("train.tar", Tars.gnu().file("n01/1.JPEG", png(1)).bytes());
    ImageNetTarSource source = new ImageNetTarSource(tar);
    String expected = "No images in %s: expected a tar of CLASS.tar files, each with images";
    assertThatThrownBy(() -> source.splits(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(expected, tar);
    assertThatThrownBy(() -> source.labelSpace(storage)).hasMessage(expected, tar);
  }

  @Test
  void namePrefixesAreClasses() throws Exception {
    Map<String, byte[]> files =
        Map.of(
            "n02_great_white_shark.JPEG", png(1),
            "n01_tench.JPEG", png(2),
            "n03_10026.JPEG", png(3),
            "n04_a.JPEG", png(4),
            "n04_b.JPEG", png(5),
            "README.md", png(6),
            "nolabel.JPEG", png(7),
            "_x.JPEG", png(8));
    Tars tars = Tars.gnu().directory("samples");
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      write("samples/" + file.getKey(), file.getValue());
      tars.file("samples/" + file.getKey(), file.getValue());
    }
    NamePrefixSource folder = new NamePrefixSource(uri("samples"));
    NamePrefixSource tar = new NamePrefixSource(write("samples.tar", tars.bytes()));

    assertThat(folder.labelSpace(storage).names()).containsExactly("n01", "n02", "n03", "n04");
    assertThat(folder.labelSpace(storage).humanNames())
        .isEqualTo(Map.of("n01", "tench", "n02", "great white shark"));
    assertThat(tar.labelSpace(storage)).isEqualTo(folder.labelSpace(storage));
    List<SourceItem> items = items(folder);
    assertThat(summaries(items))
        .containsExactly(
            "_x.JPEG: unknown-label",
            "n01_tench.JPEG n01",
            "n02_great_white_shark.JPEG n02",
            "n03_10026.JPEG n03",
            "n04_a.JPEG n04",
            "n04_b.JPEG n04",
            "nolabel.JPEG: unknown-label");
    assertThat(image(items, "n04_b.JPEG")).hasValue(png(5));
    assertThat(summaries(items(tar)))
        .containsExactlyInAnyOrderElementsOf(
            summaries(items).stream().map(item -> "samples/" + item).toList());
    assertThat(((SourceItem.Rejected) items.get(0)).reason()).isSameAs(RejectReason.UNKNOWN_LABEL);
  }

  @Test
  void aFolderWithoutNamePrefixesIsAnError() throws IOException {
    write("samples/image.JPEG", png(1));
    NamePrefixSource source = new NamePrefixSource(uri("samples"));
    assertThatThrownBy(() -> source.labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage("No images in %s: expected CLASS_ANYTHING.EXTENSION files", uri("samples"));
    assertThatThrownBy(() -> source.splits(storage))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("No images in ");
  }
}
