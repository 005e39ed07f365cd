package io.phiscale.jobs.run;

/**
 * One line of a run's metrics.
 *
 * @param round number of the round, from 1
 * @param epoch epochs completed at its end, fractional
 * @param images images seen so far, repeats counted
 * @param loss mean training loss of the round, label smoothing included, nats; NaN where all of its
 *     images were left out
 * @param learningRate of the round's last step
 * @param seconds wall time of the round
 * @param imagesPerSecond of the round
 * @param computeSeconds mean over the workers of the time in forward, backward and update
 * @param waitSeconds mean over the workers of the time waiting for batches
 * @param straggleSeconds mean over the workers of the time that the slowest one took longer,
 *     computing and waiting for batches, &gt;= 0; NaN in a line of a version that counted it as
 *     averaging
 * @param averagingSeconds the rest: scheduling, broadcast, shuffle, averaging, and where workers
 *     outnumber cores their turns
 * @param skipped images that are damaged in the shards and were left out, see {@link SkippedImages}
 * @param accuracy share of the round's images whose class scored highest, [0, 1], each scored as it
 *     was trained on: augmented, with dropout, before its step's update. NaN in a line of a version
 *     that did not count it
 * @param localSteps local steps of the busiest worker; 0 in a line of a version that did not say
 * @param unixSeconds when the round ended, seconds since 1970-01-01 UTC; 0 in a line of a version
 *     that did not say
 */
public record RoundMetrics(
    int round,
    double epoch,
    long images,
    double loss,
    double learningRate,
    double seconds,
    double imagesPerSecond,
    double computeSeconds,
    double waitSeconds,
    double straggleSeconds,
    double averagingSeconds,
    long skipped,
    double accuracy,
    int localSteps,
    double unixSeconds) {}
