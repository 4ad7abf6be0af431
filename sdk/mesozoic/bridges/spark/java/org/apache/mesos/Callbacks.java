package org.apache.mesos;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the scheduler's callbacks on a thread of their own, one at a time and in their order. */
final class Callbacks {
  private static final Logger LOG = LoggerFactory.getLogger(Callbacks.class);
  // A scheduler that is so far behind makes the master's stream wait.
  private static final int WAITING_MAX = 10_000;
  private static final long LOOK_AGAIN_MS = 100;

  private final BlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>(WAITING_MAX);
  private final Runnable abort;
  private final Thread thread = new Thread(this::run, "mesos-callbacks");
  private volatile boolean isOpen = true;

  /** {@code abort} is run after a callback that throws, as libmesos aborts the driver then. */
  Callbacks(Runnable abort) {
    this.abort = abort;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  void add(Runnable callback) {
    try {
      while (isOpen && !waiting.offer(callback, LOOK_AGAIN_MS, TimeUnit.MILLISECONDS)) {
        LOG.debug("The scheduler is {} callbacks behind", WAITING_MAX);
      }
    } catch (InterruptedException ending) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * None begins any more. One that runs goes on, and is not interrupted: it is not our code.
   */
  void close() {
    isOpen = false;
    waiting.clear();
    waiting.offer(() -> {});
  }

  private void run() {
    try {
      while (isOpen) {
        Runnable callback = waiting.take();
        if (isOpen) {
          callback.run();
        }
      }
    } catch (InterruptedException ending) {
      LOG.debug("Interrupted");
    } catch (RuntimeException | Error thrown) {
      LOG.error("A callback of the scheduler has thrown, so the driver aborts", thrown);
      abort.run();
    }
  }
}
