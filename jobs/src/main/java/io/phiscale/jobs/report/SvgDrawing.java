package io.phiscale.jobs.report;

import io.phiscale.jobs.report.Inkwell.FixedEnd;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.geom.Rectangle2D;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.jfree.chart.ChartRenderingInfo;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;

/**
 * Draws a plot as SVG whose text stays text, whose colours are inks and whose marks explain
 * themselves when pointed at. Independent of the clock, the machine and its fonts; text is anchored
 * where it must align, so that the viewer's font moves nothing.
 */
final class SvgDrawing {
  private static final String SVG = "http://www.w3.org/2000/svg";
  private static final List<String> PAINT_ATTRIBUTES = List.of("fill", "stroke");

  /**
   * What an element may say besides its geometry; everything else that the writer puts there is
   * SVG's default, or a clip to an area that nothing leaves.
   */
  private static final Set<String> KEPT_ATTRIBUTES =
      Set.of(
          "fill",
          "stroke",
          "stroke-width",
          "stroke-dasharray",
          "stroke-linecap",
          "stroke-linejoin",
          "font-size",
          "text-anchor",
          "paint-order",
          "transform",
          "points",
          "d",
          "x",
          "y",
          "x1",
          "y1",
          "x2",
          "y2",
          "cx",
          "cy",
          "r",
          "rx",
          "ry",
          "width",
          "height");

  private SvgDrawing() {}

  /** An element to stand in a page that defines the inks' CSS variables. */
  static String inline(Plot plot, String variant, int widthPx, int heightPx) {
    Document document =
        drawn(plot, plot.name() + "-" + variant, widthPx, heightPx, Ink::cssVariable);
    return text(document);
  }

  /** A whole file in the colours of the light theme, on {@link Ink#SURFACE}. */
  static String file(Plot plot, int widthPx, int heightPx) {
    Document document = drawn(plot, plot.name(), widthPx, heightPx, Ink::lightColour);
    Element root = document.getDocumentElement();
    root.setAttribute("font-family", "system-ui, 'Helvetica Neue', Arial, sans-serif");
    root.setAttribute("width", Integer.toString(widthPx));
    root.setAttribute("height", Integer.toString(heightPx));
    Element surface = document.createElementNS(SVG, "rect");
    surface.setAttribute("width", "100%");
    surface.setAttribute("height", "100%");
    surface.setAttribute("fill", Ink.SURFACE.lightColour());
    root.insertBefore(surface, firstDrawn(root));
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + text(document) + "\n";
  }

  private static Document drawn(
      Plot plot, String prefix, int widthPx, int heightPx, Function<Ink, String> colour) {
    Document document = emptyDocument();
    SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
    context.setComment(null);
    context.setPrecision(2);
    SVGGraphics2D graphics = new Canvas(context);
    graphics.setSVGCanvasSize(new Dimension(widthPx, heightPx));
    ChartRenderingInfo rendering = new ChartRenderingInfo();
    plot.chart().draw(graphics, new Rectangle2D.Double(0, 0, widthPx, heightPx), rendering);
    Element root = graphics.getRoot();
    document.appendChild(root);
    graphics.dispose();

    anchorTexts(root, rendering.getPlotInfo().getDataArea(), plot.inkwell());
    elements(root, "defs").forEach(defs -> defs.getParentNode().removeChild(defs));
    clean(root, plot.inkwell(), colour);
    surround(root, colour);
    NamedNodeMap attributes = root.getAttributes();
    List<String> names = new ArrayList<>();
    for (int i = 0; i < attributes.getLength(); i++) {
      names.add(attributes.item(i).getNodeName());
    }
    names.stream().filter(name -> !name.startsWith("xmlns")).forEach(root::removeAttribute);
    root.setAttribute("viewBox", "0 0 " + widthPx + " " + heightPx);
    root.setAttribute("role", "img");
    root.setAttribute("aria-labelledby", prefix + "-title " + prefix + "-description");
    root.insertBefore(
        labelled(document, "desc", prefix + "-description", plot.description()),
        root.getFirstChild());
    root.insertBefore(
        labelled(document, "title", prefix + "-title", plot.title()), root.getFirstChild());
    return document;
  }

  /** The SVG writer, without its need for the machine's fonts. */
  private static final class Canvas extends SVGGraphics2D {
    Canvas(SVGGeneratorContext context) {
      super(context, false);
    }

    @Override
    public FontMetrics getFontMetrics(Font font) {
      if (font instanceof PlotFont plotFont) {
        return plotFont.metrics();
      }
      throw new IllegalStateException("Cannot draw: a text is not set in the plots' font: " + font);
    }
  }

  private static Document emptyDocument() {
    try {
      return DocumentBuilderFactory.newDefaultInstance().newDocumentBuilder().newDocument();
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException("Cannot draw: the JDK's XML parser is not usable", e);
    }
  }

  private static Element labelled(Document document, String tag, String id, String content) {
    Element element = document.createElementNS(SVG, tag);
    element.setAttribute("id", id);
    element.setTextContent(content);
    return element;
  }

  private static Node firstDrawn(Element root) {
    Node node = root.getFirstChild();
    while (List.of("title", "desc").contains(node.getNodeName())) {
      node = node.getNextSibling();
    }
    return node;
  }

  /**
   * Anchors texts at what they belong to: labels below the data area at their middle, those left of
   * it and names left of their points at their end. Everything else keeps its start.
   */
  private static void anchorTexts(Element root, Rectangle2D dataArea, Inkwell inkwell) {
    for (Element text : elements(root, "text")) {
      double width = new PlotFont(fontSize(text)).width(text.getTextContent());
      double x = Double.parseDouble(text.getAttribute("x"));
      double y = Double.parseDouble(text.getAttribute("y"));
      if (y > dataArea.getMaxY()) {
        text.setAttribute("text-anchor", "middle");
        text.setAttribute("x", Figures.number(x + width / 2, 1));
      } else if ((x + width <= dataArea.getMinX() && y >= dataArea.getMinY())
          || endsAtPoint(text, inkwell)) {
        text.setAttribute("text-anchor", "end");
        text.setAttribute("x", Figures.number(x + width, 1));
      }
    }
  }

  private static boolean endsAtPoint(Element text, Inkwell inkwell) {
    for (Node node = text; node instanceof Element element; node = node.getParentNode()) {
      if (element.hasAttribute("fill")) {
        return inkwell
            .meaning(element.getAttribute("fill"))
            .filter(meaning -> meaning.fixedEnd() == FixedEnd.RIGHT)
            .isPresent();
      }
    }
    return false;
  }

  /** Gives every text a rim of the surface's colour, so that lines behind it do not hurt it. */
  private static void surround(Element root, Function<Ink, String> colour) {
    for (Element text : elements(root, "text")) {
      text.setAttribute("stroke", colour.apply(Ink.SURFACE));
      text.setAttribute("stroke-width", "3");
      text.setAttribute("paint-order", "stroke");
    }
  }

  private static int fontSize(Element element) {
    for (Node node = element; node instanceof Element parent; node = node.getParentNode()) {
      if (parent.hasAttribute("font-size")) {
        return Integer.parseInt(parent.getAttribute("font-size").replace("px", ""));
      }
    }
    throw new IllegalStateException("Cannot anchor a text without a font size: " + element);
  }

  private static List<Element> elements(Element root, String tag) {
    List<Element> found = new ArrayList<>();
    var nodes = root.getElementsByTagName(tag);
    for (int i = 0; i < nodes.getLength(); i++) {
      found.add((Element) nodes.item(i));
    }
    return found;
  }

  private static void clean(Element element, Inkwell inkwell, Function<Ink, String> colour) {
    NamedNodeMap attributes = element.getAttributes();
    List<Attr> all = new ArrayList<>();
    for (int i = 0; i < attributes.getLength(); i++) {
      all.add((Attr) attributes.item(i));
    }
    Optional<String> explanation = Optional.empty();
    for (Attr attribute : all) {
      String name = attribute.getName();
      String value = attribute.getValue();
      if (PAINT_ATTRIBUTES.contains(name)) {
        Optional<Inkwell.Meaning> meaning = inkwell.meaning(value);
        if (meaning.isPresent()) {
          attribute.setValue(colour.apply(meaning.get().ink()));
          explanation = explanation.or(() -> meaning.get().explanation());
        }
      } else if (!KEPT_ATTRIBUTES.contains(name)) {
        element.removeAttributeNode(attribute);
      }
    }
    for (Node child = element.getFirstChild(); child != null; child = child.getNextSibling()) {
      if (child instanceof Element childElement) {
        clean(childElement, inkwell, colour);
      }
    }
    if (explanation.isPresent()) {
      Element title = element.getOwnerDocument().createElementNS(SVG, "title");
      title.setTextContent(explanation.get());
      element.insertBefore(title, element.getFirstChild());
    }
  }

  private static String text(Document document) {
    try {
      TransformerFactory factory = TransformerFactory.newDefaultInstance();
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      Transformer transformer = factory.newTransformer();
      transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
      transformer.setOutputProperty(OutputKeys.ENCODING, "UTF-8");
      StringWriter text = new StringWriter();
      transformer.transform(new DOMSource(document), new StreamResult(text));
      return text.toString();
    } catch (TransformerException e) {
      throw new IllegalStateException("Cannot write the drawing as XML", e);
    }
  }
}
