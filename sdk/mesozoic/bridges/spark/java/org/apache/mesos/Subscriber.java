package org.apache.mesos;

import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.http.HttpHeaders;
import org.apache.http.HttpHost;
import org.apache.http.HttpStatus;
import org.apache.mesos.scheduler.Protos.Event;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a subscription with whichever master leads, on a thread of its own, until it is closed or
 * a master says what is final.
 */
final class Subscriber implements Masters.Listener {
  private static final Logger LOG = LoggerFactory.getLogger(Subscriber.class);
  private static final int REDIRECTIONS_MAX = 5;
  private static final long PAUSE_MS_MIN = 500;
  private static final long PAUSE_MS_MAX = 15_000;
  // Masters leave the scheme out: //host:port/master/api/v1/scheduler.
  private static final Pattern LOCATION = Pattern.compile("(?:(https?):)?//([^/?#]+).*");

  private final SchedulerSession session;
  private final MasterHttp http;
  private final Masters masters;
  private final Thread thread = new Thread(this::run, "mesos-subscriber");
  private volatile boolean isOpen = true;
  // The stream that is open or being opened, and the master it was first asked of, which may have
  // redirected. Guarded by this object's lock.
  private EventStream stream;
  private HttpHost followed;
  // What the next pause is drawn from, in milliseconds; doubles until a master takes us.
  private long pauseMs = PAUSE_MS_MIN;
  // Whether the master that is followed has subscribed us.
  private boolean isTaken;

  Subscriber(SchedulerSession session, MasterHttp http, Masters masters) {
    this.session = session;
    this.http = http;
    this.masters = masters;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** The stream that there is goes on, and none comes after it. */
  void subscribeNoMore() {
    isOpen = false;
  }

  void close() {
    isOpen = false;
    synchronized (this) {
      if (stream != null) {
        stream.cut();
      }
    }
    thread.interrupt();
  }

  /** A stream of a master that leads no longer is not worth listening to. */
  @Override
  public synchronized void leaderChanged(HttpHost leader) {
    if (stream != null && !followed.equals(leader)) {
      LOG.info("{} leads no longer", followed);
      stream.cut();
    }
  }

  private void run() {
    try {
      while (isOpen) {
        HttpHost master = masters.await();
        follow(master);
        if (isOpen) {
          // Between nothing and the whole, so that many frameworks do not come back at once.
          masters.pause(ThreadLocalRandom.current().nextLong(pauseMs) + 1, master);
        }
      }
    } catch (InterruptedException closing) {
      LOG.debug("No more subscriptions are made");
    }
  }

  private void follow(HttpHost first) {
    HttpHost master = first;
    isTaken = false;
    for (int redirections = 0; master != null && isOpen; redirections++) {
      if (redirections > REDIRECTIONS_MAX) {
        LOG.warn("The masters redirect to each other");
        break;
      }
      try (EventStream opened = http.stream(master, Calls.subscribe(session.framework()))) {
        setStream(opened, first);
        master = listen(opened);
      } catch (IOException | RuntimeException broken) {
        if (isOpen) {
          LOG.warn("The stream from {}: {}", master, broken.toString());
        }
        masters.failed(first);
        master = null;
      } finally {
        setStream(null, null);
        session.disconnected();
      }
    }
    pauseMs = isTaken ? PAUSE_MS_MIN : Math.min(2 * pauseMs, PAUSE_MS_MAX);
  }

  private synchronized void setStream(EventStream opened, HttpHost first) {
    stream = opened;
    followed = first;
    if (opened != null && (!isOpen || !masters.isLeader(first))) {
      opened.cut();
    }
  }

  /** Hand on the events of a stream until it ends; where to go on, or null. */
  private HttpHost listen(EventStream opened) throws IOException {
    int status = opened.open();
    switch (status) {
      case HttpStatus.SC_OK:
        listenTo(opened);
        return null;
      case HttpStatus.SC_TEMPORARY_REDIRECT:
        return redirected(opened.master(), opened.header(HttpHeaders.LOCATION));
      case HttpStatus.SC_BAD_REQUEST:
      case HttpStatus.SC_UNAUTHORIZED:
      case HttpStatus.SC_FORBIDDEN:
      case HttpStatus.SC_NOT_ACCEPTABLE:
      case HttpStatus.SC_UNSUPPORTED_MEDIA_TYPE:
        // It would be the same the next time.
        isOpen = false;
        session.failed(opened.master() + " has refused the framework: " + opened.text());
        return null;
      default:
        // 503 of a master that does not lead yet, 404 of one that has not set up its routes.
        throw new IOException("it answers " + status + " " + opened.text());
    }
  }

  private void listenTo(EventStream opened) throws IOException {
    String streamId = opened.header(MasterHttp.STREAM_ID);
    Event event;
    while ((event = opened.next()) != null) {
      if (event.getType() == Event.Type.SUBSCRIBED) {
        opened.expectHeartbeats(event.getSubscribed());
        isTaken = true;
        session.subscribed(
            new Subscription(opened.master(), streamId, opened), event.getSubscribed());
      } else {
        if (event.getType() == Event.Type.ERROR) {
          isOpen = false;
        }
        session.happened(event);
      }
    }
    LOG.info("{} has ended the stream", opened.master());
  }

  private static HttpHost redirected(HttpHost from, String location) throws IOException {
    Matcher matcher = LOCATION.matcher(location);
    if (!matcher.matches()) {
      throw new IOException("it redirects to '" + location + "', which names no master");
    }
    String scheme = matcher.group(1) == null ? from.getSchemeName() : matcher.group(1);
    if (from.getSchemeName().equals("https") && !scheme.equals("https")) {
      throw new IOException("it redirects from https to http, where the secret would be readable");
    }
    return HttpHost.create(scheme + "://" + matcher.group(2));
  }
}
