/**
 * Apache Curator's recipes against a ZooKeeper server, with two clients in each.
 *
 * <p>{@link conformance.curator.Main} runs the chapters in turn. Recipes work in threads
 * of their own, so the chapters wait for conditions and events instead of looking at a
 * moment of their choice, and print outcomes: who holds, who leads, what a cache saw.
 */
package conformance.curator;
