package io.phiscale.pipeline.source;

/**
 * What a tar says about one of its entries.
 *
 * @param name as recorded, whatever it is
 * @param kind of entry
 * @param start offset of the entry's first header (that of its long name, if it has one)
 * @param dataStart offset of its content
 * @param size of its content
 */
record TarEntry(String name, Kind kind, long start, long dataStart, long size) {
  enum Kind {
    FILE,
    DIRECTORY,
    /** Symbolic or hard. */
    LINK,
    /** A device, a pipe, a sparse file, or something unknown. */
    OTHER
  }

  /** Where the next entry's header starts: contents are padded to whole blocks. */
  long end() {
    long blocks = (size + TarEntries.BLOCK - 1) / TarEntries.BLOCK;
    return dataStart + blocks * TarEntries.BLOCK;
  }
}
