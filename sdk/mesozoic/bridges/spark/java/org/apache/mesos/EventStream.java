package org.apache.mesos;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.apache.http.Header;
import org.apache.http.HttpConnection;
import org.apache.http.HttpEntity;
import org.apache.http.HttpHost;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.client.protocol.HttpClientContext;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.util.EntityUtils;
import org.apache.mesos.scheduler.Protos.Event;

/**
 * The response to SUBSCRIBE: events for as long as the connection lives, each behind its length in
 * decimal digits and a line feed (RecordIO).
 *
 * <p>Used by one thread, but for {@link #cut}.
 */
final class EventStream implements Closeable {
  private static final int RECORD_BYTES_MAX = 1 << 28;
  // Of missed heartbeats, before the connection counts as dead.
  private static final int MISSED_MAX = 5;
  // Of a master that does not say; it is Mesos's.
  private static final double INTERVAL_S = 15.0;

  private final CloseableHttpClient client;
  private final HttpHost master;
  private final HttpPost request;
  private final HttpClientContext context = HttpClientContext.create();
  private CloseableHttpResponse response;
  private InputStream body;

  EventStream(CloseableHttpClient client, HttpHost master, HttpPost request) {
    this.client = client;
    this.master = master;
    this.request = request;
  }

  HttpHost master() {
    return master;
  }

  /** Ask for the stream; the HTTP status of the answer. */
  int open() throws IOException {
    response = client.execute(master, request, context);
    return response.getStatusLine().getStatusCode();
  }

  /** A header of the response; empty when there is none. */
  String header(String name) {
    Header found = response.getFirstHeader(name);
    return found == null ? "" : found.getValue();
  }

  /** What the master says instead of a stream. */
  String text() throws IOException {
    HttpEntity entity = response.getEntity();
    return entity == null ? "" : EntityUtils.toString(entity, StandardCharsets.UTF_8);
  }

  /** From now on a silence of several heartbeats ends the stream. */
  void expectHeartbeats(Event.Subscribed event) throws IOException {
    double intervalS =
        event.hasHeartbeatIntervalSeconds() ? event.getHeartbeatIntervalSeconds() : INTERVAL_S;
    HttpConnection connection = context.getConnection();
    if (connection == null) {
      throw new IOException("the connection is gone");
    }
    connection.setSocketTimeout((int) Math.ceil(MISSED_MAX * intervalS * 1000));
  }

  /** The next event, waited for. Null at a proper end. */
  Event next() throws IOException {
    if (body == null) {
      body = new BufferedInputStream(response.getEntity().getContent());
    }
    int length = readLength();
    return length < 0 ? null : Event.parseFrom(readRecord(length));
  }

  private int readLength() throws IOException {
    int length = -1;
    while (true) {
      int one = body.read();
      if (one < 0 && length < 0) {
        return -1;
      }
      if (one == '\n' && length >= 0) {
        return length;
      }
      if (one < '0' || one > '9') {
        throw new IOException("the stream has no length where one should be");
      }
      length = 10 * Math.max(length, 0) + one - '0';
      if (length > RECORD_BYTES_MAX) {
        throw new IOException("an event of more than " + RECORD_BYTES_MAX + " bytes");
      }
    }
  }

  private byte[] readRecord(int length) throws IOException {
    byte[] record = new byte[length];
    int have = 0;
    while (have < length) {
      int more = body.read(record, have, length - have);
      if (more < 0) {
        throw new EOFException("the stream ends within an event");
      }
      have += more;
    }
    return record;
  }

  /** End it, from any thread, whatever it is doing. */
  void cut() {
    request.abort();
  }

  @Override
  public void close() {
    // A response that is closed by itself would first be read to its end, which does not come.
    cut();
    if (response != null) {
      try {
        response.close();
      } catch (IOException unimportant) {
        // It was to end anyway.
      }
    }
  }
}
