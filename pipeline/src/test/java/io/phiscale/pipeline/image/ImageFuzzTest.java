package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.Augmenter;
import io.phiscale.pipeline.fuzz.Mutations;
import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Rejected;
import java.awt.image.BufferedImage;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.zip.CRC32;
import javax.imageio.ImageWriteParam;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Scalar;
import org.junit.jupiter.api.Test;

/**
 * Damaged images: pixels of the size that was checked before decoding, or the reason why there are
 * none.
 */
class ImageFuzzTest {
  private static final long MAX_PIXELS = 1 << 20;

  private static List<byte[]> whole() {
    BufferedImage small = Pictures.gradient(23, 17);
    byte[] baseline = Pictures.jpeg(Pictures.noise(40, 33, 1), ImageWriteParam.MODE_DISABLED);
    byte[][] rows = new byte[9][16 * 3 * 2];
    byte[][] indices = new byte[9][16];
    for (int y = 0; y < 9; y++) {
      for (int x = 0; x < rows[y].length; x++) {
        rows[y][x] = (byte) (x * 5 + y * 11);
        indices[y][x % 16] = (byte) ((x + y) % 3);
      }
    }
    List<byte[]> whole = new ArrayList<>();
    whole.add(baseline);
    whole.add(Pictures.jpeg(small, ImageWriteParam.MODE_DEFAULT));
    whole.add(Pictures.withOrientation(baseline, 6));
    whole.add(Pictures.withThumbnail(baseline, Pictures.encode(small, "jpg")));
    byte[] cmyk = Pictures.fourBandJpeg(16, 16, 10, 200, 30, 60);
    whole.add(cmyk);
    whole.add(Pictures.withAdobe(cmyk, 2));
    whole.add(Pictures.withOrientation(cmyk, 5));
    whole.add(Pictures.encode(small, "png"));
    whole.add(Pictures.png(16, 9, 16, 2, rows, new byte[0], new byte[0]));
    whole.add(Pictures.png(16, 9, 8, 3, indices, new byte[9], new byte[] {0, 1}));
    whole.add(Pictures.encode(small, "gif"));
    whole.add(Pictures.animatedGif(List.of(small, Pictures.plain(23, 17, 0x123456))));
    whole.add(Pictures.encode(small, "bmp"));
    whole.add(Pictures.webp(20, 12, 0x336699));
    whole.add(lossyWebp());
    return whole;
  }

  private static byte[] lossyWebp() {
    try (Mat picture = new Mat(20, 30, opencv_core.CV_8UC3, new Scalar(10, 200, 90, 0));
        BytePointer encoded = new BytePointer();
        BytePointer extension = new BytePointer(".webp");
        IntPointer quality = new IntPointer(opencv_imgcodecs.IMWRITE_WEBP_QUALITY, 60)) {
      opencv_imgcodecs.imencode(extension, picture, encoded, quality);
      byte[] bytes = new byte[(int) encoded.limit()];
      encoded.get(bytes);
      return bytes;
    }
  }

  @Test
  void damagedImages() {
    Mutations mutations = new Mutations(whole());
    FloatBuffer target = FloatBuffer.allocate(2 * 16 * 16 * 3);
    try (ImageDecoder decoder = new ImageDecoder(MAX_PIXELS)) {
      Augmenter train = new Augmenter(TrainTransform.inception(16), Augmentation.NONE);
      Augmenter evaluation = new Augmenter(EvaluationTransform.centreCrop(16), Augmentation.NONE);
      SortedMap<String, Long> outcomes =
          Mutations.run(
              Mutations.tries(400),
              64L << 20,
              (number, random) -> {
                byte[] image = mutations.next(random);
                mendChecksums(image, random);
                Optional<ImageHeader> header = ImageProbe.header(image);
                DecodeResult result = decoder.decode(image);
                if (result instanceof Rejected rejected) {
                  assertThat(rejected.detail()).isNotBlank();
                  return rejected.reason().id();
                }
                try (Decoded decoded = (Decoded) result) {
                  requireAnnounced(decoded, header.orElseThrow());
                  SampleRandom sample = SampleRandom.of(1, 0, number);
                  train.write(decoded, sample, target, 0);
                  evaluation.write(decoded, sample, target, 16 * 16 * 3);
                  for (int i = 0; i < target.capacity(); i++) {
                    if (!Float.isFinite(target.get(i))) {
                      throw new AssertionError("value " + i + " is " + target.get(i));
                    }
                  }
                  return decoded.format().id();
                }
              });
      System.out.println("image: " + outcomes);
      assertThat(outcomes)
          .containsKeys("jpeg", "png", "gif", "bmp", "webp")
          .containsKeys("empty", "unsupported-format", "too-large", "truncated", "unreadable");
    }
  }

  /** Memory was given for what the header says, and no more. */
  private static void requireAnnounced(Decoded decoded, ImageHeader header) {
    boolean upright =
        decoded.widthPx() == header.widthPx() && decoded.heightPx() == header.heightPx();
    boolean turned =
        decoded.widthPx() == header.heightPx() && decoded.heightPx() == header.widthPx();
    assertThat(upright || turned)
        .as(
            "%s of %s x %s px, announced %s",
            decoded.format(), decoded.widthPx(), decoded.heightPx(), header)
        .isTrue();
    assertThat((long) decoded.widthPx() * decoded.heightPx()).isLessThanOrEqualTo(MAX_PIXELS);
  }

  /** Makes half of the PNGs' checksums right, so that damage gets behind them. */
  private static void mendChecksums(byte[] image, SplittableRandom random) {
    if (ImageProbe.format(image).filter(ImageFormat.PNG::equals).isEmpty()
        || random.nextBoolean()) {
      return;
    }
    long at = 8;
    while (at + 12 <= image.length) {
      long length = 0;
      for (int i = 0; i < 4; i++) {
        length = length << 8 | (image[(int) at + i] & 0xff);
      }
      long end = at + 8 + length;
      if (end + 4 > image.length) {
        return;
      }
      CRC32 crc = new CRC32();
      crc.update(image, (int) at + 4, (int) length + 4);
      for (int i = 0; i < 4; i++) {
        image[(int) end + i] = (byte) (crc.getValue() >> (24 - 8 * i));
      }
      at = end + 4;
    }
  }
}
