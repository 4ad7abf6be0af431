package org.apache.mesos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.CuratorWatcher;
import org.apache.curator.retry.RetryOneTime;
import org.apache.http.HttpHost;
import org.apache.mesos.Protos.MasterInfo;
import org.apache.zookeeper.KeeperException.NoNodeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks ZooKeeper: the candidate whose znode has the lowest number leads, and a watch tells when
 * candidates come or go.
 *
 * <p>While ZooKeeper cannot be reached, the last leader is believed to be it still: a master that
 * has lost its candidacy says so itself, by ending its streams.
 */
final class ZooKeeperMasters extends Masters {
  static final String SCHEME = "zk://";
  private static final Logger LOG = LoggerFactory.getLogger(ZooKeeperMasters.class);
  private static final int SESSION_MS = 10_000;
  private static final int RETRY_MS = 500;

  private final CuratorFramework client;
  private final String path;
  private final boolean isTls;
  private final CuratorWatcher watcher = event -> lookLater(0);
  // One thread, so that no look overtakes another.
  private final ScheduledExecutorService looking =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "mesos-detector");
            thread.setDaemon(true);
            return thread;
          });

  /** {@code zk://[user:password@]host:port,.../path} */
  ZooKeeperMasters(String address, boolean isTls) {
    String rest = address.substring(SCHEME.length());
    int slash = rest.indexOf('/');
    String servers = slash < 0 ? rest : rest.substring(0, slash);
    path = "/" + (slash < 0 ? "" : rest.substring(slash).replaceAll("^/+|/+$", ""));
    int at = servers.lastIndexOf('@');
    String hosts = servers.substring(at + 1);
    // Without the address itself: it holds the password.
    if (hosts.isEmpty()) {
      throw new IllegalArgumentException("a zk:// address names hosts: zk://host1,host2/path");
    }
    CuratorFrameworkFactory.Builder builder =
        CuratorFrameworkFactory.builder()
            .connectString(hosts)
            .sessionTimeoutMs(SESSION_MS)
            .connectionTimeoutMs(SESSION_MS)
            .retryPolicy(new RetryOneTime(RETRY_MS));
    if (at >= 0) {
      String credentials = servers.substring(0, at);
      if (!credentials.contains(":")) {
        throw new IllegalArgumentException("before the '@' of a zk:// address is user:password");
      }
      builder.authorization("digest", credentials.getBytes(StandardCharsets.UTF_8));
    }
    client = builder.build();
    this.isTls = isTls;
  }

  @Override
  void look() {
    // A new session has none of the watches of the one before, so each connection looks anew.
    client
        .getConnectionStateListenable()
        .addListener(
            (curator, state) -> {
              LOG.debug("ZooKeeper: {}", state);
              if (state.isConnected()) {
                lookLater(0);
              }
            });
    client.start();
  }

  /** ZooKeeper tells when another one leads. */
  @Override
  void failed(HttpHost master) {}

  @Override
  public void close() {
    looking.shutdownNow();
    client.close();
  }

  private void lookLater(long delayMs) {
    try {
      looking.schedule(this::lookNow, delayMs, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException closed) {
      LOG.debug("Nobody wants to know any more");
    }
  }

  // All that Curator does may throw Exception.
  private void lookNow() {
    try {
      tell(leader());
    } catch (NoNodeException gone) {
      // A candidate between two questions, or the path itself before the first master comes.
      lookForPath();
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
    } catch (Exception failed) {
      lookAgain(failed);
    }
  }

  private void lookForPath() {
    try {
      if (client.checkExists().usingWatcher(watcher).forPath(path) == null) {
        tell(null);
      } else {
        lookLater(0);
      }
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
    } catch (Exception failed) {
      lookAgain(failed);
    }
  }

  private void lookAgain(Exception failed) {
    LOG.warn("Cannot look for the leading master at {}: {}", path, failed.toString());
    lookLater(RETRY_MS);
  }

  private HttpHost leader() throws Exception {
    String first = null;
    for (String name : client.getChildren().usingWatcher(watcher).forPath(path)) {
      if (number(name) >= 0 && (first == null || number(name) < number(first))) {
        first = name;
      }
    }
    if (first == null) {
      return null;
    }
    byte[] data = client.getData().forPath(path.equals("/") ? "/" + first : path + "/" + first);
    return masterOf(first, data, isTls);
  }

  /** Of a candidate's znode; -1 of others, such as {@code log_replicas}. */
  private static long number(String name) {
    String digits = name.substring(name.lastIndexOf('_') + 1);
    return digits.matches("[0-9]{1,18}") ? Long.parseLong(digits) : -1;
  }

  /**
   * The master in a candidate's znode, whose label tells how it is written: JSON, protobuf before
   * Mesos 0.24, and before labels the pid alone. With TLS by its host name, which is what
   * certificates are made for; else by its address, which needs no resolving.
   */
  static HttpHost masterOf(String name, byte[] data, boolean isTls) throws IOException {
    if (name.startsWith("json.info_")) {
      JsonNode info = new ObjectMapper().readTree(data);
      JsonNode address = info.path("address");
      String ip = address.path("ip").asText("");
      String hostname = address.path("hostname").asText(info.path("hostname").asText(""));
      int port = address.path("port").asInt(info.path("port").asInt());
      return chosen(ip, hostname, port, info.path("pid").asText(""), isTls);
    }
    if (name.startsWith("info_")) {
      return masterOf(MasterInfo.parseFrom(data), isTls);
    }
    return hostOf(new String(data, StandardCharsets.UTF_8), isTls);
  }

  private static HttpHost masterOf(MasterInfo info, boolean isTls) {
    String ip = info.getAddress().getIp();
    return chosen(ip, info.getHostname(), info.getPort(), info.getPid(), isTls);
  }

  private static HttpHost chosen(
      String ip, String hostname, int port, String pid, boolean isTls) {
    String host = isTls && !hostname.isEmpty() || ip.isEmpty() ? hostname : ip;
    if (host.isEmpty()) {
      return hostOf(pid, isTls);
    }
    String bracketed = host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host;
    return new HttpHost(bracketed, port, isTls ? "https" : "http");
  }
}
