package org.apache.mesos;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.apache.mesos.Protos.Credential;
import org.apache.mesos.Protos.FrameworkID;
import org.apache.mesos.Protos.FrameworkInfo;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.Protos.TaskStatus;
import org.apache.mesos.scheduler.Protos.Call;
import org.apache.mesos.scheduler.Protos.Event;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a driver is made of while it runs: the parts, and what each has to be told when something
 * happens to another.
 */
final class SchedulerSession {
  private static final Logger LOG = LoggerFactory.getLogger(SchedulerSession.class);
  // How long a stop waits for the calls before it and the TEARDOWN itself.
  private static final long LAST_CALLS_MS_MAX = 5_000;

  private final MesosSchedulerDriver driver;
  private final Scheduler scheduler;
  private final boolean implicitAcknowledgements;
  private final Masters masters;
  private final MasterHttp http;
  private final Callbacks callbacks;
  private final UnheardLaunches launches = new UnheardLaunches();
  private final CallSender sender;
  private final Subscriber subscriber;

  // With the id once the master has given one. Written by the subscriber's thread alone.
  private volatile FrameworkInfo framework;
  // Null while disconnected; calls belong to the subscription that there is when they leave.
  private volatile Subscription subscription;
  // Of the subscriber's thread: whether the scheduler has been told that it is registered.
  private boolean wasRegistered;

  /** Throws IllegalArgumentException when the master's address or a setting is unusable. */
  SchedulerSession(
      MesosSchedulerDriver driver,
      Scheduler scheduler,
      FrameworkInfo framework,
      boolean implicitAcknowledgements,
      Credential credential,
      String master) {
    this.driver = driver;
    this.scheduler = scheduler;
    this.framework = completed(framework);
    this.implicitAcknowledgements = implicitAcknowledgements;
    Tls tls = Tls.fromProperties();
    masters = Masters.parse(master, tls.isDefault());
    http = new MasterHttp(credential, tls);
    callbacks = new Callbacks(driver::abort);
    sender = new CallSender(this, http, launches);
    subscriber = new Subscriber(this, http, masters);
  }

  // An empty user or host name is this process's, as with libmesos.
  private static FrameworkInfo completed(FrameworkInfo given) {
    FrameworkInfo.Builder framework = given.toBuilder();
    if (given.getUser().isEmpty()) {
      framework.setUser(System.getProperty("user.name"));
    }
    if (given.getHostname().isEmpty()) {
      try {
        framework.setHostname(InetAddress.getLocalHost().getHostName());
      } catch (UnknownHostException nameless) {
        LOG.debug("This host has no name that resolves: {}", nameless.toString());
      }
    }
    return framework.build();
  }

  void start() {
    callbacks.start();
    sender.start();
    subscriber.start();
    masters.start(subscriber);
  }

  /** Ends everything; with {@code teardown} also the framework, if a master is there to be told. */
  void stop(boolean teardown) {
    callbacks.close();
    // The master ends the stream of a framework that it has torn down.
    subscriber.subscribeNoMore();
    sender.close(teardown && subscription != null ? Calls.teardown() : null, LAST_CALLS_MS_MAX);
    subscriber.close();
    masters.close();
    http.close();
  }

  void send(Call call) {
    sender.add(call);
  }

  FrameworkInfo framework() {
    return framework;
  }

  /** Null while disconnected. */
  Subscription subscription() {
    return subscription;
  }

  void subscribed(Subscription fresh, Event.Subscribed event) {
    FrameworkID id = event.getFrameworkId();
    framework = framework.toBuilder().setId(id).build();
    LOG.info("Subscribed to {} as framework {}", fresh.master(), id.getValue());
    // Before the callback: what it calls shall find the way open.
    subscription = fresh;
    if (wasRegistered) {
      callbacks.add(() -> scheduler.reregistered(driver, event.getMasterInfo()));
    } else {
      wasRegistered = true;
      callbacks.add(() -> scheduler.registered(driver, id, event.getMasterInfo()));
    }
    sender.subscribed();
  }

  void disconnected() {
    if (subscription == null) {
      return;
    }
    subscription = null;
    launches.doubtAll();
    callbacks.add(() -> scheduler.disconnected(driver));
  }

  /** Final: what the master has said would be said again. */
  void failed(String message) {
    callbacks.add(
        () -> {
          LOG.error("The master has ended the framework: {}", message);
          // In this order, as libmesos: the scheduler finds the driver aborted. Spark's wakes the
          // thread that waits for the registration from within error, and that thread asks what
          // run has returned.
          driver.abort();
          scheduler.error(driver, message);
        });
  }

  void happened(Event event) {
    switch (event.getType()) {
      case OFFERS:
        callbacks.add(() -> scheduler.resourceOffers(driver, event.getOffers().getOffersList()));
        break;
      case RESCIND:
        callbacks.add(() -> scheduler.offerRescinded(driver, event.getRescind().getOfferId()));
        break;
      case UPDATE:
        updated(event.getUpdate().getStatus());
        break;
      case MESSAGE:
        Event.Message message = event.getMessage();
        callbacks.add(
            () ->
                scheduler.frameworkMessage(
                    driver,
                    message.getExecutorId(),
                    message.getSlaveId(),
                    message.getData().toByteArray()));
        break;
      case FAILURE:
        lost(event.getFailure());
        break;
      case ERROR:
        failed(event.getError().getMessage());
        break;
      default:
        // Heartbeats are heard by the stream itself. This interface has no callbacks for inverse
        // offers and operations, and none for what later versions of Mesos have added.
        LOG.debug("Nothing to tell of {}", event.getType());
    }
  }

  private void lost(Event.Failure failure) {
    if (failure.hasExecutorId()) {
      callbacks.add(
          () ->
              scheduler.executorLost(
                  driver, failure.getExecutorId(), failure.getSlaveId(), failure.getStatus()));
    } else {
      callbacks.add(() -> scheduler.slaveLost(driver, failure.getSlaveId()));
    }
  }

  private void updated(TaskStatus status) {
    launches.heard(status.getTaskId());
    callbacks.add(
        () -> {
          scheduler.statusUpdate(driver, status);
          // Only now: an update whose callback did not come to its end comes again.
          if (implicitAcknowledgements && status.hasUuid()) {
            sender.add(Calls.acknowledge(status));
          }
        });
  }

  /** Tasks that the master has not been asked to launch, or has refused to. */
  void notLaunched(TaskInfo task, String why) {
    launches.heard(task.getTaskId());
    TaskStatus status = Calls.lost(task, framework, why);
    callbacks.add(() -> scheduler.statusUpdate(driver, status));
  }
}
