package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

/** CIFAR binary and IDX, on files of exactly these formats. */
class RawPixelSourcesTest extends SourceTest {
  private static final String NAMES =
      "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

  /** The value of a channel of a pixel of a CIFAR picture made here. */
  private static int cifarValue(int number, int channel, int y, int x) {
    return (number * 31 + channel * 67 + y * 5 + x * 3) & 0xFF;
  }

  private static byte[] cifar(int labelBytes, int... labels) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    for (int i = 0; i < labels.length; i++) {
      if (labelBytes == 2) {
        file.write(7); // the coarse label
      }
      file.write(labels[i]);
      for (int channel = 0; channel < 3; channel++) {
        for (int y = 0; y < 32; y++) {
          for (int x = 0; x < 32; x++) {
            file.write(cifarValue(i, channel, y, x));
          }
        }
      }
    }
    return file.toByteArray();
  }

  private URI cifar10(String folder) throws IOException {
    write(folder + "/cifar-10-batches-bin/batches.meta.txt", NAMES);
    write(folder + "/cifar-10-batches-bin/readme.html", "<html>");
    write(folder + "/cifar-10-batches-bin/data_batch_1.bin", cifar(1, 3, 9));
    write(folder + "/cifar-10-batches-bin/data_batch_2.bin", cifar(1, 0));
    write(folder + "/cifar-10-batches-bin/test_batch.bin", cifar(1, 8));
    return uri(folder);
  }

  @Test
  void readsCifar10WithoutLoss() throws Exception {
    URI root = cifar10("c10");
    CifarSource train = new CifarSource(root, CollectionPart.TRAIN);
    assertThat(train.labelSpace(storage).names()).hasSize(10).startsWith("airplane", "automobile");
    assertThat(train.splits(storage)).hasSize(2);
    List<SourceItem> items = items(train);
    assertThat(summaries(items))
        .containsExactly(
            "data_batch_1/00000.png cat",
            "data_batch_1/00001.png truck",
            "data_batch_2/00000.png airplane");
    BufferedImage picture =
        ImageIO.read(
            new ByteArrayInputStream(image(items, "data_batch_1/00001.png").orElseThrow()));
    assertThat(picture.getWidth()).isEqualTo(32);
    for (int y = 0; y < 32; y++) {
      for (int x = 0; x < 32; x++) {
        assertThat(picture.getRGB(x, y) & 0xFFFFFF)
            .isEqualTo(
                cifarValue(1, 0, y, x) << 16
                    | cifarValue(1, 1, y, x) << 8
                    | cifarValue(1, 2, y, x));
      }
    }
    assertThat(summaries(items(new CifarSource(root, CollectionPart.TEST))))
        .containsExactly("test_batch/00000.png ship");
    assertThat(train.description()).isEqualTo("CIFAR binary " + root + " (train)");
  }

  @Test
  void readsTheArchivesAsDownloaded() throws Exception {
    byte[] tar =
        Tars.gnu()
            .directory("cifar-100-binary")
            .file("cifar-100-binary/train.bin", cifar(2, 1, 0, 2))
            .file("cifar-100-binary/test.bin", cifar(2, 2))
            .file("cifar-100-binary/coarse_label_names.txt", "sea\nland\n".getBytes(UTF_8))
            .file("cifar-100-binary/fine_label_names.txt", "apple\nbaby\nbear\n".getBytes(UTF_8))
            .bytes();
    for (URI archive :
        List.of(
            write("cifar-100-binary.tar.gz", Tars.gzip(tar)), write("cifar-100-binary.tar", tar))) {
      CifarSource train = new CifarSource(archive, CollectionPart.TRAIN);
      assertThat(train.labelSpace(storage).names()).containsExactly("apple", "baby", "bear");
      assertThat(summaries(items(train)))
          .containsExactly("train/00000.png baby", "train/00001.png apple", "train/00002.png bear");
      assertThat(summaries(items(new CifarSource(archive, CollectionPart.TEST))))
          .containsExactly("test/00000.png bear");
    }
  }

  @Test
  void cifarThatIsNoneIsAnErrorOrARejectedItem() throws Exception {
    write("python/data_batch_1", "a pickle");
    assertThatThrownBy(
            () -> new CifarSource(uri("python"), CollectionPart.TRAIN).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "No images in %s: expected batches.meta.txt, data_batch_1.bin ... and test_batch.bin of"
                + " CIFAR-10, or fine_label_names.txt, train.bin and test.bin of CIFAR-100",
            uri("python"));
    URI root = cifar10("bad");
    write("bad/cifar-10-batches-bin/data_batch_2.bin", cifar(1, 10));
    CifarSource source = new CifarSource(root, CollectionPart.TRAIN);
    assertThat(summaries(items(source))).contains("data_batch_2/00000.png: unknown-label");
    write("bad/cifar-10-batches-bin/data_batch_2.bin", Arrays.copyOf(cifar(1, 1), 3000));
    assertThatThrownBy(() -> items(source))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "Damaged file data_batch_2.bin of %s: 3000 bytes (must be a multiple of 3073, a"
                + " record's)",
            root);
  }

  /** Two rows of three pixels each. */
  private static byte[] idxImages(int magic, int count) {
    ByteBuffer file = ByteBuffer.allocate(16 + count * 6);
    file.putInt(magic).putInt(count).putInt(2).putInt(3);
    for (int i = 0; i < count * 6; i++) {
      file.put((byte) (i * 11));
    }
    return file.array();
  }

  private static byte[] idxLabels(int... labels) {
    ByteBuffer file = ByteBuffer.allocate(8 + labels.length);
    file.putInt(0x801).putInt(labels.length);
    for (int label : labels) {
      file.put((byte) label);
    }
    return file.array();
  }

  @Test
  void readsIdxPlainAndCompressed() throws Exception {
    write("mnist/train-images-idx3-ubyte.gz", Tars.gzip(idxImages(0x803, 3)));
    write("mnist/train-labels-idx1-ubyte.gz", Tars.gzip(idxLabels(2, 0, 1)));
    write("mnist/t10k-images.idx3-ubyte", idxImages(0x803, 1));
    write("mnist/t10k-labels.idx1-ubyte", idxLabels(1));
    IdxSource train = new IdxSource(uri("mnist"), CollectionPart.TRAIN, Optional.empty());
    assertThat(train.labelSpace(storage).names()).containsExactly("0", "1", "2");
    List<SourceItem> items = items(train);
    assertThat(summaries(items))
        .containsExactly("train/00000.png 2", "train/00001.png 0", "train/00002.png 1");
    BufferedImage picture =
        ImageIO.read(new ByteArrayInputStream(image(items, "train/00001.png").orElseThrow()));
    assertThat(picture.getType()).isEqualTo(BufferedImage.TYPE_BYTE_GRAY);
    assertThat(picture.getRaster().getSample(2, 1, 0)).isEqualTo((6 + 3 + 2) * 11);
    URI classes = write("names.txt", "shirt\nshoe\n");
    IdxSource test = new IdxSource(uri("mnist"), CollectionPart.TEST, Optional.of(classes));
    assertThat(test.labelSpace(storage).names()).containsExactly("shirt", "shoe");
    assertThat(summaries(items(test))).containsExactly("t10k/00000.png shoe");
    IdxSource named = new IdxSource(uri("mnist"), CollectionPart.TRAIN, Optional.of(classes));
    assertThat(summaries(items(named))).startsWith("train/00000.png: unknown-label");
    IdxSource file =
        new IdxSource(uri("mnist/t10k-images.idx3-ubyte"), CollectionPart.TRAIN, Optional.empty());
    assertThat(summaries(items(file))).containsExactly("t10k/00000.png 1");
  }

  @Test
  void idxThatIsNoneIsAnError() throws Exception {
    IdxSource source = new IdxSource(uri("idx"), CollectionPart.TRAIN, Optional.empty());
    write("idx/other.txt", "x");
    assertThatThrownBy(() -> source.labelSpace(storage))
        .hasMessageStartingWith(
            "No images in %s: no train-images-idx3-ubyte (expected ", uri("idx"));
    URI images = write("idx/train-images-idx3-ubyte", idxImages(0x803, 2));
    assertThatThrownBy(() -> source.labelSpace(storage))
        .hasMessage("Cannot label %s: no train-labels-idx1-ubyte beside it", images);
    URI labels = write("idx/train-labels-idx1-ubyte", idxLabels(1));
    assertThatThrownBy(() -> items(source))
        .hasMessage("Cannot label %s: 2 images, and 1 labels in %s", images, labels);
    write("idx/train-labels-idx1-ubyte", idxLabels(1, 0));
    write("idx/train-images-idx3-ubyte", idxImages(0x804, 2));
    assertThatThrownBy(() -> items(source))
        .hasMessage(
            "Not an IDX file of images: %s has magic 0x00000804 (must be 0x00000803)", images);
    write("idx/train-images-idx3-ubyte", Arrays.copyOf(idxImages(0x803, 2), 20));
    assertThatThrownBy(() -> items(source))
        .hasMessage("Truncated IDX file %s: it ends in image 0 of 2", images);
    assertThatThrownBy(
            () ->
                new IdxSource(uri("idx/other.txt"), CollectionPart.TRAIN, Optional.empty())
                    .splits(storage))
        .hasMessageStartingWith(
            "Cannot read %s: not named like a file of images", uri("idx/other.txt"));
  }
}
