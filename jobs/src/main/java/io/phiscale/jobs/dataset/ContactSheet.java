package io.phiscale.jobs.dataset;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Pictures of a data set on one self-contained HTML page: a row per class, then the rejects. */
public final class ContactSheet {
  private static final String STYLE =
      """
      :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
      body { margin: 0 auto; max-width: 76rem; padding: 1rem; }
      h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
      p { margin: .2rem 0 .6rem; opacity: .8; }
      ul { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; margin: 0; padding: 0; }
      li { width: 9rem; } figure { margin: 0; }
      img { width: 9rem; height: 9rem; object-fit: contain; background: #8883; }
      ul.views { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: .4rem;
        margin-bottom: .8rem; }
      ul.views li { width: auto; } ul.views img { width: 100%; height: auto; aspect-ratio: 1; }
      ul.views li:first-child img { background: none; }
      ul.views img[src^="data:image/png"] { image-rendering: pixelated; }
      @media (max-width: 40rem) { ul.views { grid-template-columns: repeat(4, minmax(0, 1fr)); } }
      figcaption { font-size: .72rem; opacity: .8; overflow-wrap: anywhere; }
      table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
      td { vertical-align: top; overflow-wrap: anywhere; }
      """;

  private ContactSheet() {}

  /**
   * A row of the rejects table.
   *
   * @param key the item
   * @param split where it would have gone
   * @param reason why it was refused
   * @param detail what exactly was wrong
   */
  public record Reject(String key, String split, String reason, String detail) {}

  /**
   * The page.
   *
   * @param title headline
   * @param subtitle one sentence: what is shown, and by which seed
   * @param classes pictures by class, in label order
   * @param rejects some of the refused items
   * @param rejected how many there are in all
   */
  public static String html(
      String title,
      String subtitle,
      Map<String, List<SampledImage>> classes,
      List<Reject> rejects,
      long rejected) {
    StringBuilder page = new StringBuilder(100_000);
    page.append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';")
        .append(" img-src data:; style-src 'unsafe-inline'\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append("<title>")
        .append(escaped(title))
        .append("</title>\n<style>\n")
        .append(STYLE)
        .append("</style>\n</head>\n<body>\n<h1>")
        .append(escaped(title))
        .append("</h1>\n<p>")
        .append(escaped(subtitle))
        .append("</p>\n<main>\n");
    classes.forEach((name, images) -> row(page, name, images));
    if (rejected > 0) {
      rejects(page, rejects, rejected);
    }
    return page.append("</main>\n</body>\n</html>\n").toString();
  }

  private static void row(StringBuilder page, String name, List<SampledImage> images) {
    page.append("<section>\n<h2>").append(escaped(name)).append("</h2>\n");
    if (images.isEmpty()) {
      page.append("<p>no image found</p>\n</section>\n");
      return;
    }
    if (images.stream().allMatch(image -> image.views().isEmpty())) {
      page.append("<ul>\n");
      images.forEach(image -> picture(page, name + ": " + image.caption(), image));
      page.append("</ul>\n");
    } else {
      for (SampledImage image : images) {
        String original = name + ": " + image.caption();
        page.append("<ul class=\"views\">\n");
        picture(page, original, image);
        image.views().forEach(view -> picture(page, original + ", " + view.caption(), view));
        page.append("</ul>\n");
      }
    }
    page.append("</section>\n");
  }

  private static void picture(StringBuilder page, String description, SampledImage image) {
    page.append("<li><figure><img loading=\"lazy\" alt=\"")
        .append(escaped(description))
        .append("\" src=\"data:")
        .append(image.mediaType())
        .append(";base64,")
        .append(base64(image.encoded()))
        .append("\"><figcaption>")
        .append(escaped(image.caption()))
        .append("</figcaption></figure></li>\n");
  }

  private static void rejects(StringBuilder page, List<Reject> rejects, long rejected) {
    page.append("<section>\n<h2>Rejects</h2>\n<p>")
        .append(rejects.size())
        .append(" of ")
        .append(rejected)
        .append("</p>\n<table>\n<thead><tr><th scope=\"col\">key<th scope=\"col\">split")
        .append("<th scope=\"col\">reason<th scope=\"col\">detail</tr></thead>\n<tbody>\n");
    for (Reject reject : rejects) {
      page.append("<tr><td>")
          .append(escaped(reject.key()))
          .append("<td>")
          .append(escaped(reject.split()))
          .append("<td>")
          .append(escaped(reject.reason()))
          .append("<td>")
          .append(escaped(reject.detail()))
          .append("</tr>\n");
    }
    page.append("</tbody>\n</table>\n</section>\n");
  }

  private static String base64(ByteBuffer encoded) {
    byte[] bytes = new byte[encoded.remaining()];
    encoded.duplicate().get(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String escaped(String text) {
    StringBuilder safe = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> safe.append("&amp;");
                case '<' -> safe.append("&lt;");
                case '>' -> safe.append("&gt;");
                case '"' -> safe.append("&quot;");
                default -> safe.appendCodePoint(Character.isISOControl(c) ? 0xFFFD : c);
              }
            });
    return safe.toString();
  }
}
