package org.apache.mesos;

import org.apache.http.HttpHost;

/** One stream of events from one master. Calls are made under it and end with it. */
final class Subscription {
  private final HttpHost master;
  private final String streamId;
  private final EventStream stream;

  Subscription(HttpHost master, String streamId, EventStream stream) {
    this.master = master;
    this.streamId = streamId;
    this.stream = stream;
  }

  /** The master that answered, at the end of all redirections. */
  HttpHost master() {
    return master;
  }

  /** What every call has to name, so that one of an older stream is not obeyed. */
  String streamId() {
    return streamId;
  }

  /** End it from this side; the subscriber makes a new one. */
  void cut() {
    stream.cut();
  }
}
