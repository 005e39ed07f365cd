package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.phiscale.pipeline.storage.Storage;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.archivers.tar.TarUtils;
import org.apache.commons.compress.archivers.zip.ZipEncoding;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.apache.hadoop.fs.FSDataInputStream;

/**
 * Walks the entries of a tar, of a range of one, or of a gzip-compressed one, reading contents only
 * where they are asked for. Contents of an uncompressed tar that nobody asks for are jumped over by
 * seeking; so are tars in tars, which makes a walk through {@code ILSVRC2012_img_train.tar} a
 * thousand small reads.
 *
 * <p>Formats: v7, ustar, GNU (long names) and pax, by commons-compress's header parser. That
 * library's own stream reads through what it skips, and its random access reader keeps every entry,
 * hence this walk. Global pax headers are skipped: they may not rename or resize anything.
 *
 * <p>Every error names the URI and the offset, which for a compressed tar counts uncompressed
 * bytes.
 */
final class TarEntries implements Closeable {
  static final int BLOCK = TarConstants.DEFAULT_RCDSIZE;

  /** A name or pax header longer than this is no name but damage. */
  private static final int MAX_EXTENSION_BYTES = 1 << 20;

  /**
   * UTF-8, with U+FFFD for what is none; commons-compress's own encoding decodes that to question
   * marks, which are indistinguishable from real ones.
   */
  private static final ZipEncoding NAMES =
      new ZipEncoding() {
        @Override
        public boolean canEncode(String name) {
          return true;
        }

        @Override
        public ByteBuffer encode(String name) {
          return UTF_8.encode(name);
        }

        @Override
        public String decode(byte[] name) {
          return new String(name, UTF_8);
        }
      };

  private final TarBytes bytes;

  /** Offset at which the last entry must have ended. */
  private final long end;

  /** Whether the range's last entry must be followed by the zero block that ends a tar. */
  private final EndMarker endMarker;

  private TarEntry current;
  private long next;

  private enum EndMarker {
    REQUIRED,
    OPTIONAL
  }

  private TarEntries(TarBytes bytes, long start, long end, EndMarker endMarker) {
    this.bytes = bytes;
    this.next = start;
    this.end = end;
    this.endMarker = endMarker;
  }

  /** All entries of an uncompressed tar. */
  static TarEntries of(Storage storage, URI tar) throws IOException {
    long length = storage.length(tar);
    return new TarEntries(
        new TarBytes(tar, storage.open(tar), 0, length), 0, length, EndMarker.REQUIRED);
  }

  /** The entries of an uncompressed tar whose headers start in a range. */
  static TarEntries ofRange(Storage storage, URI tar, long start, long end) throws IOException {
    FSDataInputStream in = storage.open(tar);
    return new TarEntries(new TarBytes(tar, in, start, end), start, end, EndMarker.OPTIONAL);
  }

  /** All entries of a gzip-compressed tar. */
  static TarEntries ofGzip(Storage storage, URI tar) throws IOException {
    FSDataInputStream file = storage.open(tar);
    try {
      InputStream in = new GzipCompressorInputStream(file, true);
      return new TarEntries(new TarBytes(tar, in), 0, Long.MAX_VALUE, EndMarker.REQUIRED);
    } catch (IOException e) {
      file.close();
      throw new IOException("Cannot read %s: not gzip: %s".formatted(tar, e.getMessage()), e);
    }
  }

  /**
   * The next entry, or null after the last.
   *
   * @throws IOException if the tar ends too early or has no header where one must be
   */
  TarEntry next() throws IOException {
    long start = next;
    String longName = null;
    Map<String, String> pax = Map.of();
    byte[] header = new byte[BLOCK];
    while (true) {
      long at = next;
      if (at == end && start == at && endMarker == EndMarker.OPTIONAL) {
        return null;
      }
      bytes.seek(at, "an entry's header");
      bytes.readFully(header, "an entry's header");
      if (isZero(header)) {
        if (start != at) {
          throw damaged(start, "a long name without its entry");
        }
        bytes.finish();
        next = end;
        current = null;
        return null;
      }
      TarArchiveEntry parsed = parse(header, at);
      long size = pax.containsKey("size") ? number(pax.get("size"), at) : parsed.getSize();
      String name = pax.getOrDefault("path", longName == null ? parsed.getName() : longName);
      TarEntry entry = new TarEntry(name, kind(name, parsed, header, pax), start, at + BLOCK, size);
      if (size < 0 || entry.end() < entry.dataStart()) {
        throw damaged(at, "an entry of %s bytes".formatted(size));
      }
      switch (header[156]) {
        case TarConstants.LF_GNUTYPE_LONGNAME -> longName = name(extension(parsed, at));
        case TarConstants.LF_PAX_EXTENDED_HEADER_LC, TarConstants.LF_PAX_EXTENDED_HEADER_UC ->
            pax = paxFields(extension(parsed, at), at);
        case TarConstants.LF_GNUTYPE_LONGLINK, TarConstants.LF_PAX_GLOBAL_EXTENDED_HEADER ->
            extension(parsed, at);
        default -> {
          next = entry.end();
          current = entry;
          return entry;
        }
      }
    }
  }

  /** The content of the entry that {@link #next()} returned last. */
  byte[] content() throws IOException {
    bytes.seek(current.dataStart(), "the content of " + current.name());
    bytes.requireAvailable(current.size(), "the end of " + current.name());
    return bytes.read(Math.toIntExact(current.size()), "the content of " + current.name());
  }

  /** Reads a header's content and moves on to the header after it. */
  private byte[] extension(TarArchiveEntry header, long at) throws IOException {
    if (header.getSize() > MAX_EXTENSION_BYTES) {
      throw damaged(at, "a name of %s bytes".formatted(header.getSize()));
    }
    byte[] content = new byte[(int) header.getSize()];
    bytes.readFully(content, "a long name");
    next = at + BLOCK + (content.length + BLOCK - 1L) / BLOCK * BLOCK;
    return content;
  }

  private static String name(byte[] content) {
    int length = content.length;
    while (length > 0 && content[length - 1] == 0) {
      length--;
    }
    return new String(content, 0, length, UTF_8);
  }

  /** Fields of a pax header: lines "LENGTH KEY=VALUE", where the length counts the whole line. */
  private Map<String, String> paxFields(byte[] content, long at) throws IOException {
    Map<String, String> fields = new HashMap<>();
    int from = 0;
    while (from < content.length && content[from] != 0) {
      int blank = from;
      while (blank < content.length && content[blank] != ' ') {
        blank++;
      }
      long length = number(new String(content, from, blank - from, UTF_8), at);
      if (length <= blank - from + 1 || length > content.length - from) {
        throw damaged(at, "a pax header with a line of %s bytes".formatted(length));
      }
      String line = new String(content, blank + 1, (int) length - (blank - from) - 2, UTF_8);
      int equals = line.indexOf('=');
      if (equals < 0) {
        throw damaged(at, "a pax header without '='");
      }
      fields.put(line.substring(0, equals), line.substring(equals + 1));
      from += (int) length;
    }
    return fields;
  }

  private long number(String digits, long at) throws IOException {
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw damaged(at, "a pax header with the number '%s'".formatted(digits));
    }
  }

  private TarArchiveEntry parse(byte[] header, long at) throws IOException {
    if (!isHeader(header)) {
      throw at == 0
          ? new IOException("Not a tar: %s (no header at offset 0)".formatted(bytes.uri()))
          : damaged(at, "a header with a wrong checksum");
    }
    try {
      return new TarArchiveEntry(header, NAMES, false);
    } catch (IOException | IllegalArgumentException e) {
      throw damaged(at, "a header that cannot be parsed: " + e.getMessage());
    }
  }

  private static boolean isHeader(byte[] block) {
    try {
      return TarUtils.verifyCheckSum(block);
    } catch (IllegalArgumentException e) {
      return false; // There are no digits where the checksum must be.
    }
  }

  /** By the whole name: one that is cut to fit the header may end at a '/'. */
  private static TarEntry.Kind kind(
      String name, TarArchiveEntry parsed, byte[] header, Map<String, String> pax) {
    if (parsed.isLink() || parsed.isSymbolicLink()) {
      return TarEntry.Kind.LINK;
    }
    if (pax.keySet().stream().anyMatch(key -> key.startsWith("GNU.sparse."))) {
      return TarEntry.Kind.OTHER;
    }
    return switch (header[156]) {
      case TarConstants.LF_DIR -> TarEntry.Kind.DIRECTORY;
      case TarConstants.LF_NORMAL, TarConstants.LF_OLDNORM, TarConstants.LF_CONTIG ->
          name.endsWith("/") ? TarEntry.Kind.DIRECTORY : TarEntry.Kind.FILE;
      default -> TarEntry.Kind.OTHER;
    };
  }

  private IOException damaged(long offset, String what) {
    return new IOException("Damaged tar %s: %s at offset %s".formatted(bytes.uri(), what, offset));
  }

  private static boolean isZero(byte[] block) {
    for (byte value : block) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() throws IOException {
    bytes.close();
  }

  /** The bytes of an archive, read forward, with known offset. */
  private static final class TarBytes implements Closeable {
    /**
     * Shorter gaps are read through: a request to an object store takes as long as reading about
     * this much.
     */
    private static final long SEEK_BEYOND_BYTES = 1 << 20;

    private static final int FIRST_PIECE_BYTES = 1 << 20;

    private final URI uri;
    private final InputStream in;

    /** The same stream, if it can seek. */
    private final FSDataInputStream seekable;

    private final long end;
    private final byte[] buffer = new byte[1 << 16];
    private int buffered;
    private int taken;

    /** Offset of the next byte that the stream, not the buffer, gives. */
    private long streamed;

    /** A range of a file; nothing at or behind its end is read. */
    TarBytes(URI uri, FSDataInputStream in, long start, long end) throws IOException {
      this.uri = uri;
      this.in = in;
      this.seekable = in;
      this.end = end;
      this.streamed = start;
      try {
        in.seek(start);
      } catch (IOException e) {
        in.close();
        throw new IOException("Cannot read %s at offset %s".formatted(uri, start), e);
      }
    }

    /** A stream of unknown length. */
    TarBytes(URI uri, InputStream in) {
      this.uri = uri;
      this.in = in;
      this.seekable = null;
      this.end = Long.MAX_VALUE;
    }

    URI uri() {
      return uri;
    }

    private long position() {
      return streamed - buffered + taken;
    }

    /** Moves forward to an offset. */
    void seek(long offset, String wanted) throws IOException {
      if (offset > end) {
        throw truncated(end, wanted);
      }
      long gap = offset - position();
      if (gap > buffered - taken && seekable != null && gap > SEEK_BEYOND_BYTES) {
        try {
          seekable.seek(offset);
        } catch (IOException e) {
          throw failed(e, wanted);
        }
        streamed = offset;
        buffered = 0;
        taken = 0;
        return;
      }
      while (gap > 0) {
        if (taken == buffered) {
          fill(wanted);
        }
        int step = (int) Math.min(gap, buffered - taken);
        taken += step;
        gap -= step;
      }
    }

    /** Fails early, before memory is taken for what a damaged header promises. */
    void requireAvailable(long count, String wanted) throws IOException {
      if (count > end - position()) {
        throw truncated(end, wanted);
      }
    }

    /**
     * So many bytes; of a stream whose end is not known, memory is taken as they come, and not for
     * what a damaged header promises.
     */
    byte[] read(int count, String wanted) throws IOException {
      byte[] content = new byte[seekable == null ? Math.min(count, FIRST_PIECE_BYTES) : count];
      readFully(content, 0, wanted);
      while (content.length < count) {
        int done = content.length;
        content = Arrays.copyOf(content, (int) Math.min(count, 2L * done));
        readFully(content, done, wanted);
      }
      return content;
    }

    void readFully(byte[] target, String wanted) throws IOException {
      readFully(target, 0, wanted);
    }

    private void readFully(byte[] target, int from, String wanted) throws IOException {
      int done = from;
      while (done < target.length) {
        if (taken == buffered) {
          fill(wanted);
        }
        int step = Math.min(target.length - done, buffered - taken);
        System.arraycopy(buffer, taken, target, done, step);
        taken += step;
        done += step;
      }
    }

    private void fill(String wanted) throws IOException {
      int wish = (int) Math.min(buffer.length, end - streamed);
      int read;
      try {
        read = wish == 0 ? -1 : in.read(buffer, 0, wish);
      } catch (IOException e) {
        throw failed(e, wanted);
      }
      if (read < 0) {
        throw truncated(streamed, wanted);
      }
      streamed += read;
      buffered = read;
      taken = 0;
    }

    /** Reads what follows the end of a compressed tar, so that its checksum is verified. */
    void finish() throws IOException {
      if (seekable != null) {
        return;
      }
      try {
        while (in.read(buffer) >= 0) {
          // padding
        }
      } catch (IOException e) {
        throw failed(e, "the end of the archive");
      }
    }

    private IOException truncated(long offset, String wanted) {
      return new IOException(
          "Truncated tar %s: it ends at offset %s, before %s".formatted(uri, offset, wanted));
    }

    private IOException failed(IOException cause, String wanted) {
      if (cause instanceof EOFException) {
        IOException truncated = truncated(streamed, wanted);
        truncated.initCause(cause);
        return truncated;
      }
      return new IOException(
          "Cannot read %s at offset %s: %s".formatted(uri, streamed, cause.getMessage()), cause);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
