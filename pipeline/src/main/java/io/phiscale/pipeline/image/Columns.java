package io.phiscale.pipeline.image;

/**
 * Rows laid out as columns and back: value {@code v} of row {@code y} of a strip stands at {@code v
 * * COLUMN + y}.
 */
final class Columns {
  private static final int COLUMN = WeightedSums.COLUMN;

  /** Rows, or values of a row, at a time. */
  private static final int BLOCK = 8;

  /** Values at a time, whose columns stay in the nearest cache. */
  private static final int TILE = 64;

  /** The same where each row is written whole, values whose columns just fit. */
  private static final int LONG_TILE = 224;

  private Columns() {}

  static void ofRows(float[][] rows, float[] columns, int length) {
    for (int v = 0; v < length; v += TILE) {
      int end = Math.min(v + TILE, length);
      for (int y = 0; y < COLUMN; y += BLOCK) {
        blockOfRows(rows, columns, y, v, end);
      }
    }
  }

  private static void blockOfRows(float[][] rows, float[] columns, int y, int start, int end) {
    float[] row0 = rows[y];
    float[] row1 = rows[y + 1];
    float[] row2 = rows[y + 2];
    float[] row3 = rows[y + 3];
    float[] row4 = rows[y + 4];
    float[] row5 = rows[y + 5];
    float[] row6 = rows[y + 6];
    float[] row7 = rows[y + 7];
    for (int v = start; v < end; v++) {
      int at = v * COLUMN + y;
      columns[at] = row0[v];
      columns[at + 1] = row1[v];
      columns[at + 2] = row2[v];
      columns[at + 3] = row3[v];
      columns[at + 4] = row4[v];
      columns[at + 5] = row5[v];
      columns[at + 6] = row6[v];
      columns[at + 7] = row7[v];
    }
  }

  /** Writes up to the next multiple of {@link #BLOCK} values. */
  static void toRows(float[] columns, float[][] rows, int length) {
    for (int v = 0; v < length; v += LONG_TILE) {
      int end = Math.min(v + LONG_TILE, length);
      for (int y = 0; y < COLUMN; y++) {
        toRow(columns, rows[y], y, v, end);
      }
    }
  }

  private static void toRow(float[] columns, float[] row, int y, int start, int end) {
    for (int v = start; v < end; v += BLOCK) {
      int at = v * COLUMN + y;
      row[v] = columns[at];
      row[v + 1] = columns[at + COLUMN];
      row[v + 2] = columns[at + 2 * COLUMN];
      row[v + 3] = columns[at + 3 * COLUMN];
      row[v + 4] = columns[at + 4 * COLUMN];
      row[v + 5] = columns[at + 5 * COLUMN];
      row[v + 6] = columns[at + 6 * COLUMN];
      row[v + 7] = columns[at + 7 * COLUMN];
    }
  }
}
