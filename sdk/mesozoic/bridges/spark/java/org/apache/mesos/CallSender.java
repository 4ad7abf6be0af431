package org.apache.mesos;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.http.HttpStatus;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.scheduler.Protos.Call;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Posts the calls on a thread of its own, one after another and in the order in which they were
 * made.
 *
 * <p>A call is sent under the subscription that there is when its turn comes. Without one it is
 * dropped, as libmesos does; the tasks that it would have launched come back as lost. Whether a
 * call was obeyed whose connection broke cannot be known. Most may be repeated; after one that may
 * not, the subscription is given up, because the next one settles it: offers are void then, and
 * {@link UnheardLaunches} are asked for.
 */
final class CallSender {
  private static final Logger LOG = LoggerFactory.getLogger(CallSender.class);
  // Marks in the queue, known by their identity: wake up; and, nothing comes behind.
  private static final Call WAKE = Call.newBuilder().build();
  private static final Call CLOSE = Call.newBuilder().setType(Call.Type.UNKNOWN).build();
  private static final long UNAVAILABLE_PAUSE_MS = 200;
  private static final long ASK_AGAIN_MS_MIN = 2_000;
  private static final long ASK_AGAIN_MS_MAX = 60_000;
  private static final String DISCONNECTED = "Master disconnected";

  private final SchedulerSession session;
  private final MasterHttp http;
  private final UnheardLaunches launches;
  // Unbounded, as in libmesos: what the caller asks for is not refused.
  private final BlockingQueue<Call> waiting = new LinkedBlockingQueue<>();
  private final Thread thread = new Thread(this::run, "mesos-calls");
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean isOpen = true;
  // Set by the subscriber: what is in doubt is to be asked for at once.
  private volatile boolean isFresh;
  // How long to wait before the same is asked again; doubles.
  private long askAgainMs = ASK_AGAIN_MS_MIN;

  CallSender(SchedulerSession session, MasterHttp http, UnheardLaunches launches) {
    this.session = session;
    this.http = http;
    this.launches = launches;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  void add(Call call) {
    waiting.add(call);
  }

  /** There is a new subscription. */
  void subscribed() {
    isFresh = true;
    waiting.add(WAKE);
  }

  /** Send what waits and then {@code last}, which may be null, within {@code timeoutMs}. */
  void close(Call last, long timeoutMs) {
    if (last != null) {
      waiting.add(last);
    }
    waiting.add(CLOSE);
    awaitEnd(timeoutMs);
    isOpen = false;
    thread.interrupt();
  }

  private void awaitEnd(long timeoutMs) {
    try {
      if (!ended.await(timeoutMs, TimeUnit.MILLISECONDS)) {
        LOG.warn("The master has not answered the last calls in {} ms", timeoutMs);
      }
    } catch (InterruptedException hurry) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (isOpen) {
        Call call = waiting.poll(askAgainMs, TimeUnit.MILLISECONDS);
        if (call == CLOSE) {
          break;
        }
        if (call != null && call != WAKE) {
          send(call);
        }
        askForDoubtful(call == null);
      }
    } catch (InterruptedException closing) {
      LOG.debug("No more calls are sent");
    } finally {
      ended.countDown();
    }
  }

  // Asks once under each new subscription, and again whenever nothing else was to be done for long.
  private void askForDoubtful(boolean isIdle) throws InterruptedException {
    if (isFresh) {
      isFresh = false;
      askAgainMs = ASK_AGAIN_MS_MIN;
    } else if (!isIdle) {
      return;
    } else {
      askAgainMs = Math.min(2 * askAgainMs, ASK_AGAIN_MS_MAX);
    }
    List<Call.Reconcile.Task> tasks = launches.doubtful();
    if (!tasks.isEmpty() && session.subscription() != null) {
      LOG.info("Asking what became of {} launches", tasks.size());
      send(Calls.ask(tasks));
    }
  }

  private void send(Call call) throws InterruptedException {
    Subscription subscription = session.subscription();
    if (subscription == null) {
      dropped(call, DISCONNECTED);
      return;
    }
    List<TaskInfo> tasks = Calls.tasksOf(call);
    launches.launched(tasks);
    Call complete = call.toBuilder().setFrameworkId(session.framework().getId()).build();
    try {
      MasterHttp.Answer answer = post(subscription, complete);
      if (!answer.isAccepted()) {
        dropped(call, answer.text());
      }
    } catch (IOException broken) {
      LOG.warn("{} to {}: {}", call.getType(), subscription.master(), broken.toString());
      subscription.cut();
    }
    if (!tasks.isEmpty() && session.subscription() != subscription) {
      // It was lost meanwhile, perhaps before these launches were noted.
      launches.doubtAll();
    }
  }

  private MasterHttp.Answer post(Subscription to, Call call)
      throws IOException, InterruptedException {
    boolean mayRepeat = mayRepeat(call);
    while (true) {
      MasterHttp.Answer answer;
      try {
        answer = http.post(to.master(), to.streamId(), call);
      } catch (IOException broken) {
        if (!mayRepeat) {
          throw broken;
        }
        mayRepeat = false;
        continue;
      }
      boolean isBusy = answer.status() == HttpStatus.SC_SERVICE_UNAVAILABLE;
      if (!isBusy || session.subscription() != to || !isOpen) {
        return answer;
      }
      Thread.sleep(UNAVAILABLE_PAUSE_MS);
    }
  }

  // To launch, or to tell an executor something, is another thing when it is done twice.
  private static boolean mayRepeat(Call call) {
    return call.getType() != Call.Type.ACCEPT && call.getType() != Call.Type.MESSAGE;
  }

  private void dropped(Call call, String why) {
    LOG.warn("{} was not obeyed: {}", call.getType(), why);
    for (TaskInfo task : Calls.tasksOf(call)) {
      session.notLaunched(task, why);
    }
  }
}
