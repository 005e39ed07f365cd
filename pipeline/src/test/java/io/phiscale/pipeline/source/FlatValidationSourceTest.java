package io.phiscale.pipeline.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FlatValidationSourceTest extends SourceTest {
  private static final List<String> EXPECTED =
      List.of(
          "ILSVRC2012_val_00000001.JPEG n02100735",
          "ILSVRC2012_val_00000002.JPEG n01440764",
          "ILSVRC2012_val_00000003.JPEG n02100735");

  private URI tar(int... numbers) throws IOException {
    Tars tars = Tars.gnu();
    for (int number : numbers) {
      tars.file("ILSVRC2012_val_%08d.JPEG".formatted(number), png(number));
    }
    return write("ILSVRC2012_img_val.tar", tars.bytes());
  }

  private Optional<URI> synsets() throws IOException {
    // In the order of the development kit, which is not the sorted one.
    return Optional.of(
        write(
            "synsets.txt",
            "n02119789 kit fox, Vulpes macrotis\nn02100735\tEnglish setter\nn01440764\n"));
  }

  @Test
  void readsClassNames() throws Exception {
    URI truth = write("truth.txt", "n02100735\nn01440764\r\nn02100735\n\n");
    // The order of the archive does not matter.
    FlatValidationSource source = new FlatValidationSource(tar(3, 1, 2), truth, Optional.empty());

    assertThat(source.labelSpace(storage).names()).containsExactly("n01440764", "n02100735");
    List<SourceItem> items = items(source);
    assertThat(summaries(items)).containsExactlyInAnyOrderElementsOf(EXPECTED);
    assertThat(image(items, "ILSVRC2012_val_00000002.JPEG")).hasValue(png(2));
    assertThat(source.ilsvrcIds(storage)).isEmpty();
  }

  @Test
  void readsIlsvrcIds() throws Exception {
    URI truth = write("truth.txt", "2\n3\n2\n");
    FlatValidationSource source = new FlatValidationSource(tar(1, 2, 3), truth, synsets());

    assertThat(source.labelSpace(storage).names())
        .containsExactly("n01440764", "n02100735", "n02119789");
    assertThat(source.labelSpace(storage).humanName(1)).contains("English setter");
    assertThat(source.labelSpace(storage).humanName(2)).contains("kit fox, Vulpes macrotis");
    assertThat(source.ilsvrcIds(storage)).containsExactly(3, 2, 1);
    assertThat(summaries(items(source))).isEqualTo(EXPECTED);
    assertThat(source.description())
        .isEqualTo(
            "numbered images %s with ground truth %s and synset list %s"
                .formatted(uri("ILSVRC2012_img_val.tar"), truth, uri("synsets.txt")));
  }

  @Test
  void readsADirectory() throws Exception {
    for (int number = 1; number <= 3; number++) {
      write("val/ILSVRC2012_val_%08d.JPEG".formatted(number), png(number));
    }
    write("val/README.txt", "text");
    write("val/strange.txt", "text");
    URI truth = write("truth.txt", "n02100735\nn01440764\nn02100735\n");
    FlatValidationSource source = new FlatValidationSource(uri("val"), truth, synsets());
    assertThat(summaries(items(source))).startsWith("ILSVRC2012_val_00000001.JPEG n02100735");
    assertThat(summaries(items(source))).endsWith("strange.txt: unknown-label").hasSize(4);
  }

  private void assertRefused(URI images, String truth, Optional<URI> synsets, String message)
      throws IOException {
    URI truthFile = write("truth.txt", truth);
    FlatValidationSource source = new FlatValidationSource(images, truthFile, synsets);
    String expected =
        message.replace("IMAGES", images.toString()).replace("TRUTH", truthFile.toString());
    assertThatThrownBy(() -> source.splits(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(expected);
    assertThatThrownBy(() -> source.labelSpace(storage)).hasMessage(expected);
  }

  @Test
  void listsAndImagesMustAgree() throws IOException {
    URI images = tar(1, 2, 3);
    assertRefused(
        images, "a\nb\n", Optional.empty(), "Cannot label IMAGES: 3 images, and 2 lines in TRUTH");
    assertRefused(
        images,
        "a\nb\nc\nd\n",
        Optional.empty(),
        "Cannot label IMAGES: 3 images, and 4 lines in TRUTH");
    assertRefused(images, "a\n\nb\n", Optional.empty(), "Invalid list TRUTH, line 2: blank");
    assertRefused(
        images,
        "1\n2\n3\n",
        Optional.empty(),
        "Cannot read TRUTH: it holds ILSVRC ids, which need the synset list");
    String list = uri("synsets.txt").toString();
    assertRefused(
        images,
        "1\n4\n3\n",
        synsets(),
        "Invalid ground truth TRUTH, line 2: 4 is not in the 3 lines of " + list);
    assertRefused(
        images,
        "0\n2\n3\n",
        synsets(),
        "Invalid ground truth TRUTH, line 1: 0 is not in the 3 lines of " + list);
    assertRefused(
        images,
        "n02119789\nn9\nn02119789\n",
        synsets(),
        "Invalid ground truth TRUTH, line 2: n9 is not in the 3 lines of " + list);
    assertRefused(
        images,
        "1\n1\n1\n",
        Optional.of(write("double.txt", "n01\nn01\n")),
        "Invalid synset list %s: Invalid label space: class n01 twice (labels 0 and 1)"
            .formatted(uri("double.txt")));
    assertRefused(
        tar(1, 2, 2),
        "a\nb\nc\n",
        Optional.empty(),
        "Invalid images IMAGES: a second one has number 2 (ILSVRC2012_val_00000002.JPEG)");
    assertRefused(
        tar(1, 2, 999_999_999),
        "a\nb\nc\n",
        Optional.empty(),
        "Cannot label IMAGES: numbers up to 999999999, and 3 lines in TRUTH");
    assertRefused(
        write("none.tar", Tars.gnu().file("x.txt", png(1)).bytes()),
        "a\n",
        Optional.empty(),
        "No images in IMAGES: expected files named ANYTHING_NUMBER.EXTENSION, numbered from 1");
  }
}
