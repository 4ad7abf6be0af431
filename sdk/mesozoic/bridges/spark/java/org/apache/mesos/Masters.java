package org.apache.mesos;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.http.HttpHost;

/**
 * Knows which master leads, or which to try next.
 *
 * <p>A subclass finds out and calls {@link #tell}; others wait here for it.
 */
abstract class Masters implements Closeable {
  private static final String FILE = "file://";
  private static final int PORT = 5050;

  // Null while there is none. Guarded by this object's lock, as is all below.
  private HttpHost leader;
  private Listener listener;
  // Counts the changes of the leader.
  private long changes;

  /** Is told of every change, on the thread that has found it. */
  interface Listener {
    /** Null: nobody leads. */
    void leaderChanged(HttpHost leader);
  }

  /**
   * What finds the masters that {@code address} names.
   *
   * @param isTls whether masters speak TLS whose address has no scheme
   * @throws IllegalArgumentException when it is no address
   */
  static Masters parse(String address, boolean isTls) {
    String text = address.startsWith(FILE) ? read(address.substring(FILE.length())) : address;
    if (text.startsWith(ZooKeeperMasters.SCHEME)) {
      return new ZooKeeperMasters(text, isTls);
    }
    return new ListedMasters(text, isTls);
  }

  private static String read(String path) {
    try {
      return new String(Files.readAllBytes(Paths.get(path)), StandardCharsets.UTF_8).trim();
    } catch (IOException unreadable) {
      throw new IllegalArgumentException("cannot read the master's address: " + unreadable);
    }
  }

  /** {@code host}, {@code host:port}, {@code master@host:port} or a URL. */
  static HttpHost hostOf(String address, boolean isTls) {
    String text = address.trim().replaceFirst("/+$", "");
    String scheme = isTls ? "https" : "http";
    if (text.startsWith("http://") || text.startsWith("https://")) {
      scheme = text.substring(0, text.indexOf(':'));
      text = text.substring(scheme.length() + "://".length());
    } else {
      text = text.substring(text.lastIndexOf('@') + 1);
    }
    if (text.isEmpty() || text.contains("/") || text.contains(" ")) {
      throw new IllegalArgumentException("'" + address + "' is no address of a Mesos master");
    }
    if (text.endsWith("]")) {
      // An IPv6 address alone, whose last part is not a port.
      return new HttpHost(text, PORT, scheme);
    }
    HttpHost host = HttpHost.create(scheme + "://" + text);
    return host.getPort() < 0 ? new HttpHost(host.getHostName(), PORT, scheme) : host;
  }

  void start(Listener listener) {
    synchronized (this) {
      this.listener = listener;
    }
    look();
  }

  /** Begin to find out. */
  abstract void look();

  /** This master did not answer, or did not want to. */
  abstract void failed(HttpHost master);

  @Override
  public abstract void close();

  /** From now on {@code now} leads; null is nobody. */
  final void tell(HttpHost now) {
    Listener told;
    synchronized (this) {
      if (now == null ? leader == null : now.equals(leader)) {
        return;
      }
      leader = now;
      changes++;
      told = listener;
      notifyAll();
    }
    told.leaderChanged(now);
  }

  synchronized boolean isLeader(HttpHost master) {
    return master.equals(leader);
  }

  /** Whoever leads, waited for. */
  synchronized HttpHost await() throws InterruptedException {
    while (leader == null) {
      wait();
    }
    return leader;
  }

  /** Wait for {@code pauseMs}, or until another than {@code master} leads. */
  synchronized void pause(long pauseMs, HttpHost master) throws InterruptedException {
    long ends = System.nanoTime() + pauseMs * 1_000_000;
    long leftMs = pauseMs;
    while (leftMs > 0 && master.equals(leader)) {
      wait(leftMs);
      leftMs = (ends - System.nanoTime()) / 1_000_000;
    }
  }
}
