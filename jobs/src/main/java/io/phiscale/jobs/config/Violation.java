package io.phiscale.jobs.config;

import java.io.Serializable;

/**
 * One broken rule of one key: the dotted {@code key}, and the whole message, which names key, value
 * and rule.
 */
record Violation(String key, String message) implements Serializable {}
