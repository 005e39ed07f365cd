package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.shard.LabelSpace;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** ImageNet-1k with its development kit, from Kaggle, and ImageNet-21k. */
class ImageNetFilesTest extends SourceTest {
  private static final String KIT = "ILSVRC2012_devkit_t12/";

  /** Made by scipy: ids 1 to 3 are n02119789, n02100735, n01440764; two internal nodes follow. */
  private static byte[] metaMat() throws IOException {
    try (InputStream in = ImageNetFilesTest.class.getResourceAsStream("/imagenet/meta.mat")) {
      return in.readAllBytes();
    }
  }

  private URI validationTar() throws IOException {
    Tars tar = Tars.gnu();
    for (int i = 1; i <= 4; i++) {
      tar.file("ILSVRC2012_val_%08d.JPEG".formatted(i), png(i));
    }
    return write("ILSVRC2012_img_val.tar", tar.bytes());
  }

  private byte[] kit() throws IOException {
    return Tars.gnu()
        .directory(KIT + "data")
        .file(KIT + "readme.txt", "kit".getBytes(UTF_8))
        .file(KIT + "data/ILSVRC2012_validation_ground_truth.txt", "3\n1\n3\n2\n".getBytes(UTF_8))
        .file(KIT + "data/meta.mat", metaMat())
        .bytes();
  }

  @Test
  void readsTheValidationTarWithTheKitAsDownloaded() throws Exception {
    URI images = validationTar();
    URI kit = write("ILSVRC2012_devkit_t12.tar.gz", Tars.gzip(kit()));
    URI truth = write("ILSVRC2012_validation_ground_truth.txt", "3\n1\n3\n2\n");
    URI meta = write("meta.mat", metaMat());
    for (FlatValidationSource source :
        List.of(
            new FlatValidationSource(images, kit, Optional.empty()),
            new FlatValidationSource(images, truth, Optional.of(kit)),
            new FlatValidationSource(images, truth, Optional.of(meta)))) {
      LabelSpace labels = source.labelSpace(storage);
      assertThat(labels.names()).containsExactly("n01440764", "n02100735", "n02119789");
      assertThat(labels.ilsvrcIds()).containsExactly(3, 2, 1);
      assertThat(labels.humanName(0)).hasValue("tench, Tinca tinca");
      assertThat(source.ilsvrcIds(storage)).containsExactly(3, 2, 1);
      assertThat(summaries(items(source)))
          .containsExactly(
              "ILSVRC2012_val_00000001.JPEG n01440764",
              "ILSVRC2012_val_00000002.JPEG n02119789",
              "ILSVRC2012_val_00000003.JPEG n01440764",
              "ILSVRC2012_val_00000004.JPEG n02100735");
    }
  }

  @Test
  void aKitThatIsNoneIsAnError() throws Exception {
    URI images = validationTar();
    URI other = write("other.tar", Tars.gnu().file("a.txt", new byte[] {1}).bytes());
    assertThatThrownBy(
            () -> new FlatValidationSource(images, other, Optional.empty()).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "No ILSVRC2012_validation_ground_truth.txt in %s: expected the development kit of"
                + " ILSVRC2012",
            other);
    URI truth = write("truth.txt", "3\n1\n3\n2\n");
    URI noMat = write("meta.mat", "MATLAB 7.3 is HDF5, and this is neither".repeat(9));
    assertThatThrownBy(
            () -> new FlatValidationSource(images, truth, Optional.of(noMat)).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Invalid synsets %s: ", noMat);
    byte[] cut = java.util.Arrays.copyOf(metaMat(), 400);
    URI cutMat = write("cut.mat", cut);
    assertThatThrownBy(
            () -> new FlatValidationSource(images, truth, Optional.of(cutMat)).labelSpace(storage))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Invalid synsets %s: ", cutMat);
  }

  private static final String MAPPING = "n01440764 tench, Tinca tinca\nn02100735 English setter\n";
  private static final String SOLUTION =
      """
      ImageId,PredictionString
      ILSVRC2012_val_00000002,n01440764 85 1 499 272
      ILSVRC2012_val_00000001,n02100735 1 2 3 4 n02100735 5 6 7 8
      """;

  @Test
  void readsKagglesLayout() throws Exception {
    Map<String, byte[]> images = new TreeMap<>();
    images.put("ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_1.JPEG", png(1));
    images.put("ILSVRC/Data/CLS-LOC/train/n02100735/n02100735_2.JPEG", png(2));
    images.put("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG", png(3));
    images.put("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG", png(4));
    images.put("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000003.JPEG", png(5));
    images.put("ILSVRC/Data/CLS-LOC/test/ILSVRC2012_test_00000001.JPEG", png(6));
    images.put("ILSVRC/ImageSets/CLS-LOC/val.txt", "x".getBytes(UTF_8));
    Tars tar = Tars.gnu();
    for (Map.Entry<String, byte[]> image : images.entrySet()) {
      write("kaggle/" + image.getKey(), image.getValue());
      tar.file(image.getKey(), image.getValue());
    }
    for (String folder : List.of("kaggle/", "archive/")) {
      write(folder + "LOC_synset_mapping.txt", MAPPING);
      write(folder + "LOC_val_solution.csv", SOLUTION);
    }
    URI archive = write("archive/imagenet_object_localization.tar.gz", Tars.gzip(tar.bytes()));
    for (URI root : List.of(uri("kaggle"), archive)) {
      ImageNetKaggleSource train = new ImageNetKaggleSource(root, CollectionPart.TRAIN);
      assertThat(train.labelSpace(storage).names()).containsExactly("n01440764", "n02100735");
      assertThat(train.labelSpace(storage).humanName(1)).hasValue("English setter");
      assertThat(summaries(items(train)))
          .containsExactly(
              "n01440764/n01440764_1.JPEG n01440764", "n02100735/n02100735_2.JPEG n02100735");
      ImageNetKaggleSource val = new ImageNetKaggleSource(root, CollectionPart.TEST);
      assertThat(summaries(items(val)))
          .containsExactly(
              "ILSVRC2012_val_00000001.JPEG n02100735",
              "ILSVRC2012_val_00000002.JPEG n01440764",
              "ILSVRC2012_val_00000003.JPEG: unknown-label");
      assertThat(val.description()).isEqualTo("Kaggle's ImageNet " + root + " (val)");
    }
  }

  @Test
  void kagglesLayoutThatIsNoneIsAnError() throws Exception {
    URI root = uri("kaggle");
    write("kaggle/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG", png(1));
    ImageNetKaggleSource val = new ImageNetKaggleSource(root, CollectionPart.TEST);
    assertThatThrownBy(() -> val.labelSpace(storage))
        .hasMessage("No such file: %s/LOC_synset_mapping.txt", root);
    assertThatThrownBy(() -> val.splits(storage))
        .hasMessage("No such file: %s/LOC_val_solution.csv", root);
    URI csv = write("kaggle/LOC_val_solution.csv", "ImageId,PredictionString\nx;y\n");
    assertThatThrownBy(() -> val.splits(storage))
        .hasMessage("Invalid solution %s, line 2: x;y (must be ImageId,SYNSET ...)", csv);
    assertThatThrownBy(
            () -> new ImageNetKaggleSource(URI.create("file:///x.zip"), CollectionPart.TRAIN))
        .hasMessage("Cannot read file:///x.zip: a zip (extract it, or take the .tar.gz)");
  }

  private static byte[] synset(String name, int images) {
    Tars tar = Tars.gnu();
    for (int i = 0; i < images; i++) {
      tar.file("%s_%s.JPEG".formatted(name, i), png(i));
    }
    return tar.bytes();
  }

  /** 3 terriers, 1 poodle, 2 cats, 1 stone. */
  private Map<String, byte[]> synsets() {
    Map<String, byte[]> tars = new TreeMap<>();
    tars.put("n00000021.tar", synset("n00000021", 3));
    tars.put("n00000022.tar", synset("n00000022", 1));
    tars.put("n00000031.tar", synset("n00000031", 2));
    tars.put("n00000041.tar", synset("n00000041", 1));
    return tars;
  }

  /** dog 02 and cat 03 are animals 01; terrier 21 and poodle 22 are dogs; 31 is a cat and a pet. */
  private URI isA() throws IOException {
    return write(
        "wordnet.is_a.txt",
        """
        n00000001 n00000002
        n00000001 n00000003
        n00000002 n00000021
        n00000002 n00000022
        n00000003 n00000031
        n00000009 n00000031
        """);
  }

  @Test
  void readsImageNet21k() throws Exception {
    Tars outer = Tars.gnu();
    for (Map.Entry<String, byte[]> tar : synsets().entrySet()) {
      write("winter21_whole/" + tar.getKey(), tar.getValue());
      outer.file(tar.getKey(), tar.getValue());
    }
    write("winter21_whole/words.txt", "x");
    for (URI root : List.of(uri("winter21_whole"), write("fall11_whole.tar", outer.bytes()))) {
      SynsetTarsSource source = new SynsetTarsSource(root);
      assertThat(source.labelSpace(storage).names())
          .containsExactly("n00000021", "n00000022", "n00000031", "n00000041");
      assertThat(source.splits(storage)).hasSize(4);
      List<SourceItem> items = items(source);
      assertThat(items).hasSize(7);
      assertThat(summaries(items)).contains("n00000021/n00000021_2.JPEG n00000021");
      assertThat(image(items, "n00000031/n00000031_1.JPEG")).hasValue(png(1));

      SynsetTarsSource mapped =
          source.mapped(
              SynsetHierarchy.read(storage, isA()), Set.of("n00000002", "n00000001"), storage);
      assertThat(mapped.labelSpace(storage).names()).containsExactly("n00000001", "n00000002");
      assertThat(summaries(items(mapped)))
          .hasSize(6)
          .contains("n00000022/n00000022_0.JPEG n00000002", "n00000031/n00000031_0.JPEG n00000001");

      Map<String, Long> counts = new TreeMap<>();
      for (SourceSplit split : mapped.splits(storage)) {
        mapped
            .images(split, storage)
            .forEach((name, count) -> counts.merge(name, count, Long::sum));
      }
      assertThat(counts).isEqualTo(Map.of("n00000002", 4L, "n00000001", 2L));
      SynsetTarsSource kept = mapped.keeping(counts, 3, storage);
      assertThat(kept.labelSpace(storage).names()).containsExactly("n00000002");
      assertThat(items(kept)).hasSize(4);
      assertThat(kept.description())
          .isEqualTo(
              "synset tars " + root + ", mapped to 2 ancestors, classes of at least 3 images");
      assertThatThrownBy(() -> mapped.keeping(counts, 100, storage))
          .hasMessage("No class of %s has 100 images", root);
      assertThatThrownBy(
              () ->
                  source.mapped(SynsetHierarchy.read(storage, isA()), Set.of("n00000099"), storage))
          .hasMessage("No synset of %s is a kind of any of the 1 targets", root);
    }
  }

  @Test
  void theNearestAncestorIsTheOneOverTheFewestSteps() throws IOException {
    SynsetHierarchy hierarchy = SynsetHierarchy.read(storage, isA());
    assertThat(hierarchy.nearest("n00000021", Set.of("n00000001", "n00000002")))
        .hasValue("n00000002");
    assertThat(hierarchy.nearest("n00000021", Set.of("n00000001", "n00000021")))
        .hasValue("n00000021");
    assertThat(hierarchy.nearest("n00000031", Set.of("n00000009", "n00000003")))
        .hasValue("n00000003");
    assertThat(hierarchy.nearest("n00000041", Set.of("n00000001"))).isEmpty();
    URI circle = write("circle.txt", "n00000001 n00000002\nn00000002 n00000001\n");
    assertThat(SynsetHierarchy.read(storage, circle).nearest("n00000001", Set.of("n00000005")))
        .isEmpty();
    URI bad = write("bad.txt", "n00000001 n00000002\nn1 n2\n");
    assertThatThrownBy(() -> SynsetHierarchy.read(storage, bad))
        .hasMessage(
            "Invalid hierarchy %s, line 2: n1 n2 (must be PARENT CHILD, two WordNet ids)", bad);
  }

  @Test
  void aCollectionThatIsNotOfSynsetTarsIsAnError() throws IOException {
    write("flat/a.JPEG", png(1));
    assertThatThrownBy(() -> new SynsetTarsSource(uri("flat")).splits(storage))
        .hasMessage(
            "No images in %s: expected a directory, or an uncompressed tar, of SYNSET.tar files,"
                + " each with images",
            uri("flat"));
    assertThatThrownBy(() -> new SynsetTarsSource(URI.create("file:///winter21_whole.tar.gz")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Cannot read file:///winter21_whole.tar.gz in parallel: it is compressed as a whole"
                + " (extract it, without the tars in it, and give the directory)");
  }
}
