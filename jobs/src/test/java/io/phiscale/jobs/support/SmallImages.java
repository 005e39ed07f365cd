package io.phiscale.jobs.support;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;

/** Class folders of drawn images that a network can tell apart: discs, bars, frames. */
public final class SmallImages {
  private static final int SIDE_PX = 16;

  private SmallImages() {}

  /**
   * Writes {@code perClass} PNG images into each of three class folders.
   *
   * @return the folder
   */
  public static Path write(Path folder, int perClass) throws IOException {
    for (String name : new String[] {"bar", "disc", "frame"}) {
      Files.createDirectories(folder.resolve(name));
      for (int i = 0; i < perClass; i++) {
        BufferedImage image = new BufferedImage(SIDE_PX, SIDE_PX, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(new Color(120 + i * 5 % 120, 80 + i * 11 % 150, 200 - i * 7 % 160));
        int at = 2 + i % 4;
        switch (name) {
          case "bar" -> graphics.fillRect(at, 0, 3, SIDE_PX);
          case "disc" -> graphics.fillOval(at, at, 9, 9);
          default -> graphics.drawRect(at, at, 8, 8);
        }
        graphics.dispose();
        ImageIO.write(image, "png", folder.resolve(name).resolve(i + ".png").toFile());
      }
    }
    return folder;
  }
}
