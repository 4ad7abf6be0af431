/**
 * A tour of a ZooKeeper server on Apache's own client library.
 *
 * <p>{@link conformance.plain.Main} runs the chapters in turn. A chapter opens one or
 * more {@link conformance.plain.Handle}s, asks, and writes what came back into the {@link
 * conformance.plain.Transcript}. Nothing in it may depend on time, on chance or on the
 * client's threads: events are only looked at after an answer that was sent behind them,
 * and reconnecting waits behind a {@link conformance.plain.Gate}.
 */
package conformance.plain;
