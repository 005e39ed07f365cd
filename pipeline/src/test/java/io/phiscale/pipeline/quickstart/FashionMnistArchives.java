package io.phiscale.pipeline.quickstart;

import java.awt.image.BufferedImage;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * Makes the quickstart's archives from the IDX files of Debian's package {@code
 * dataset-fashion-mnist}: {@code train.tar} in the layout of {@code ILSVRC2012_img_train.tar} (a
 * tar of one tar per class) and {@code validation.tar} in class folders, images as grey PNG. Takes
 * the first images of each class in file order, so that running it again gives the same bytes.
 *
 * <p>Arguments: the folder of the IDX files, the folder to write to, images per class for training
 * and for validation.
 */
final class FashionMnistArchives {
  /** Label order of the data set (its README, "Labels"). */
  private static final List<String> CLASSES =
      List.of(
          "tshirt",
          "trouser",
          "pullover",
          "dress",
          "coat",
          "sandal",
          "shirt",
          "sneaker",
          "bag",
          "ankle-boot");

  private static final int SIDE_PX = 28;

  private FashionMnistArchives() {}

  public static void main(String[] arguments) throws IOException {
    Path source = Path.of(arguments[0]);
    Path target = Path.of(arguments[1]);
    Map<String, Map<String, byte[]>> train = read(source, "train", Integer.parseInt(arguments[2]));
    Map<String, Map<String, byte[]>> validation =
        read(source, "t10k", Integer.parseInt(arguments[3]));
    try (TarArchiveOutputStream tar = tar(Files.newOutputStream(target.resolve("train.tar")))) {
      for (Map.Entry<String, Map<String, byte[]>> entry : train.entrySet()) {
        ByteArrayOutputStream inner = new ByteArrayOutputStream();
        try (TarArchiveOutputStream innerTar = tar(inner)) {
          for (Map.Entry<String, byte[]> image : entry.getValue().entrySet()) {
            add(innerTar, image.getKey(), image.getValue());
          }
        }
        add(tar, entry.getKey() + ".tar", inner.toByteArray());
      }
    }
    try (TarArchiveOutputStream tar =
        tar(Files.newOutputStream(target.resolve("validation.tar")))) {
      for (Map.Entry<String, Map<String, byte[]>> entry : validation.entrySet()) {
        for (Map.Entry<String, byte[]> image : entry.getValue().entrySet()) {
          add(tar, entry.getKey() + "/" + image.getKey(), image.getValue());
        }
      }
    }
  }

  private static Map<String, Map<String, byte[]>> read(Path source, String split, int perClass)
      throws IOException {
    byte[] images = gunzip(source.resolve(split + "-images-idx3-ubyte.gz"));
    byte[] labels = gunzip(source.resolve(split + "-labels-idx1-ubyte.gz"));
    Map<String, Map<String, byte[]>> byClass = new TreeMap<>();
    for (int i = 0; i < labels.length - 8; i++) {
      String className = CLASSES.get(labels[8 + i]);
      Map<String, byte[]> chosen =
          byClass.computeIfAbsent(className, name -> new LinkedHashMap<>());
      if (chosen.size() < perClass) {
        String name = String.format("%s_%s_%05d.png", className, split, i);
        chosen.put(name, png(images, 16 + i * SIDE_PX * SIDE_PX));
      }
    }
    return byClass;
  }

  private static byte[] gunzip(Path file) throws IOException {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      return in.readAllBytes();
    }
  }

  private static byte[] png(byte[] pixels, int offset) throws IOException {
    BufferedImage image = new BufferedImage(SIDE_PX, SIDE_PX, BufferedImage.TYPE_BYTE_GRAY);
    byte[] raster = new byte[SIDE_PX * SIDE_PX];
    System.arraycopy(pixels, offset, raster, 0, raster.length);
    image.getRaster().setDataElements(0, 0, SIDE_PX, SIDE_PX, raster);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
      writer.setOutput(out);
      ImageWriteParam parameters = writer.getDefaultWriteParam();
      parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      parameters.setCompressionQuality(0);
      writer.write(null, new IIOImage(image, null, null), parameters);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  private static TarArchiveOutputStream tar(OutputStream out) {
    return new TarArchiveOutputStream(new BufferedOutputStream(out), 512);
  }

  private static void add(TarArchiveOutputStream tar, String name, byte[] bytes)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(bytes.length);
    entry.setModTime(0);
    entry.setIds(0, 0);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }
}
