package io.phiscale.pipeline.batch;

import io.phiscale.pipeline.image.DecodeFailure;

/** Why a sample is missing from its batch. */
public enum SkipReason {
  /** See {@link DecodeFailure#EMPTY}. */
  EMPTY(DecodeFailure.EMPTY.id()),
  /** See {@link DecodeFailure#UNSUPPORTED_FORMAT}. */
  UNSUPPORTED_FORMAT(DecodeFailure.UNSUPPORTED_FORMAT.id()),
  /** See {@link DecodeFailure#TOO_LARGE}. */
  TOO_LARGE(DecodeFailure.TOO_LARGE.id()),
  /** See {@link DecodeFailure#TRUNCATED}. */
  TRUNCATED(DecodeFailure.TRUNCATED.id()),
  /** See {@link DecodeFailure#UNREADABLE}. */
  UNREADABLE(DecodeFailure.UNREADABLE.id()),
  /** The stored bytes are not those that were stored: they differ from their checksum. */
  CHECKSUM_MISMATCH("checksum-mismatch"),
  /** All that is stored together with it is damaged. */
  DAMAGED_ROW_GROUP("damaged-row-group");

  private final String id;

  SkipReason(String id) {
    this.id = id;
  }

  /** Returns the name under which tables store this reason: lower case, stable. */
  public String id() {
    return id;
  }

  static SkipReason of(DecodeFailure failure) {
    return switch (failure) {
      case EMPTY -> EMPTY;
      case UNSUPPORTED_FORMAT -> UNSUPPORTED_FORMAT;
      case TOO_LARGE -> TOO_LARGE;
      case TRUNCATED -> TRUNCATED;
      case UNREADABLE -> UNREADABLE;
    };
  }
}
