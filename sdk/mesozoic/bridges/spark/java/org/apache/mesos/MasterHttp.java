package org.apache.mesos;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.http.HttpHeaders;
import org.apache.http.HttpHost;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;
import org.apache.http.util.EntityUtils;
import org.apache.mesos.Protos.Credential;
import org.apache.mesos.scheduler.Protos.Call;

/**
 * HTTP as schedulers speak it with masters, by Apache's HttpClient, which Spark brings.
 *
 * <p>The JDK's own client repeats a POST whose connection breaks, which could launch twice; and a
 * stream that waits for its next event cannot be cut by another thread there.
 */
final class MasterHttp implements Closeable {
  static final String PROTOBUF = "application/x-protobuf";
  static final String STREAM_ID = "Mesos-Stream-Id";
  private static final String PATH = "/api/v1/scheduler";
  private static final int CONNECT_MS_MAX = 5_000;
  // For an answer, and for the first event of a stream.
  private static final int ANSWER_MS_MAX = 30_000;
  // The stream, a new one while the old is ending, and a call.
  private static final int CONNECTIONS_MAX = 4;

  private final CloseableHttpClient client;
  // Null without authentication.
  private final String authorization;

  MasterHttp(Credential credential, Tls tls) {
    authorization = credential == null ? null : basic(credential);
    RequestConfig limits =
        RequestConfig.custom()
            .setConnectTimeout(CONNECT_MS_MAX)
            .setConnectionRequestTimeout(CONNECT_MS_MAX)
            .setSocketTimeout(ANSWER_MS_MAX)
            .build();
    client =
        HttpClientBuilder.create()
            .setDefaultRequestConfig(limits)
            .setSSLContext(tls.context())
            .setMaxConnPerRoute(CONNECTIONS_MAX)
            .disableAutomaticRetries()
            .disableRedirectHandling()
            .disableContentCompression()
            .disableCookieManagement()
            .disableAuthCaching()
            .build();
  }

  private static String basic(Credential credential) {
    String both = credential.getPrincipal() + ":" + credential.getSecret();
    return "Basic " + Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8));
  }

  /** A stream that is still to be opened. */
  EventStream stream(HttpHost master, Call subscribe) {
    HttpPost request = request(subscribe);
    request.setHeader(HttpHeaders.ACCEPT, PROTOBUF);
    return new EventStream(client, master, request);
  }

  Answer post(HttpHost master, String streamId, Call call) throws IOException {
    HttpPost request = request(call);
    request.setHeader(STREAM_ID, streamId);
    try (CloseableHttpResponse response = client.execute(master, request)) {
      int status = response.getStatusLine().getStatusCode();
      return new Answer(status, EntityUtils.toString(response.getEntity(), StandardCharsets.UTF_8));
    }
  }

  private HttpPost request(Call call) {
    HttpPost request = new HttpPost(PATH);
    request.setEntity(new ByteArrayEntity(call.toByteArray()));
    request.setHeader(HttpHeaders.CONTENT_TYPE, PROTOBUF);
    if (authorization != null) {
      request.setHeader(HttpHeaders.AUTHORIZATION, authorization);
    }
    return request;
  }

  @Override
  public void close() {
    try {
      client.close();
    } catch (IOException unimportant) {
      // All that it still had was connections.
    }
  }

  /** What a master says to a call. */
  static final class Answer {
    private final int status;
    private final String body;

    Answer(int status, String body) {
      this.status = status;
      this.body = body == null ? "" : body;
    }

    int status() {
      return status;
    }

    boolean isAccepted() {
      return status / 100 == 2;
    }

    /** The master's sentence, or else the number. */
    String text() {
      return body.isEmpty() ? "the master has answered " + status : body;
    }
  }
}
