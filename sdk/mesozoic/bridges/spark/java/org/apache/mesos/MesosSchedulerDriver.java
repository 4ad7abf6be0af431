package org.apache.mesos;

import java.util.Collection;
import java.util.Collections;
import java.util.concurrent.CountDownLatch;
import org.apache.mesos.Protos.Credential;
import org.apache.mesos.Protos.ExecutorID;
import org.apache.mesos.Protos.Filters;
import org.apache.mesos.Protos.FrameworkInfo;
import org.apache.mesos.Protos.Offer;
import org.apache.mesos.Protos.OfferID;
import org.apache.mesos.Protos.Request;
import org.apache.mesos.Protos.SlaveID;
import org.apache.mesos.Protos.Status;
import org.apache.mesos.Protos.TaskID;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.Protos.TaskStatus;
import org.apache.mesos.scheduler.Protos.Call;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the place of the driver that needs libmesos: the same class with the same methods, which
 * speaks the HTTP API for schedulers instead. It has to come before Mesos's own jar on the class
 * path.
 *
 * <p>This class is the contract: which methods do something in which {@link Status}, and what they
 * return, as in Mesos's {@code src/sched/sched.cpp}. The work is done by {@link SchedulerSession},
 * which lives from {@link #start} to {@link #stop} or {@link #abort}:
 *
 * <pre>
 *   caller's threads --calls--&gt; CallSender (a thread) --POST--&gt; master
 *   Masters (who leads) --&gt; Subscriber (a thread) &lt;--stream-- master
 *                               +--events--&gt; Callbacks (a thread) --&gt; the Scheduler
 * </pre>
 *
 * <p>The messages are those of Mesos before version 1 of its API. The two have the same bytes, so
 * nothing has to be translated.
 *
 * <p>All methods may be called by any thread, also by the one that runs a callback.
 */
public class MesosSchedulerDriver implements SchedulerDriver {
  private static final Logger LOG = LoggerFactory.getLogger(MesosSchedulerDriver.class);

  private final Scheduler scheduler;
  private final FrameworkInfo framework;
  private final String master;
  private final boolean implicitAcknowledgements;
  // Null without authentication.
  private final Credential credential;

  // Guarded by this object's lock, as the session is; nothing that waits is done under it.
  private Status status = Status.DRIVER_NOT_STARTED;
  // Null before the start.
  private SchedulerSession session;
  // Open once the driver has been stopped or aborted.
  private final CountDownLatch ended = new CountDownLatch(1);

  public MesosSchedulerDriver(Scheduler scheduler, FrameworkInfo framework, String master) {
    this(scheduler, framework, master, true, null);
  }

  public MesosSchedulerDriver(
      Scheduler scheduler, FrameworkInfo framework, String master, Credential credential) {
    this(scheduler, framework, master, true, credential);
  }

  public MesosSchedulerDriver(
      Scheduler scheduler,
      FrameworkInfo framework,
      String master,
      boolean implicitAcknowledgements) {
    this(scheduler, framework, master, implicitAcknowledgements, null);
  }

  /**
   * Nothing is done before {@link #start}.
   *
   * @param master {@code host:port}, a URL, several of them with commas between, or {@code
   *     zk://[user:password@]host:port,.../path}
   * @param implicitAcknowledgements whether a status update is acknowledged when the callback has
   *     returned; else that is up to {@link #acknowledgeStatusUpdate}
   */
  public MesosSchedulerDriver(
      Scheduler scheduler,
      FrameworkInfo framework,
      String master,
      boolean implicitAcknowledgements,
      Credential credential) {
    this.scheduler = require(scheduler, "scheduler");
    this.framework = require(framework, "framework");
    this.master = require(master, "master");
    this.implicitAcknowledgements = implicitAcknowledgements;
    this.credential = credential;
  }

  private static <T> T require(T value, String name) {
    if (value == null) {
      throw new NullPointerException("there is no " + name);
    }
    return value;
  }

  @Override
  public Status start() {
    String mistake;
    synchronized (this) {
      if (status != Status.DRIVER_NOT_STARTED) {
        return status;
      }
      try {
        session =
            new SchedulerSession(
                this, scheduler, framework, implicitAcknowledgements, credential, master);
        session.start();
        status = Status.DRIVER_RUNNING;
        return status;
      } catch (IllegalArgumentException unusable) {
        mistake = unusable.getMessage();
        status = Status.DRIVER_ABORTED;
      }
    }
    LOG.error("The scheduler driver cannot start: {}", mistake);
    ended.countDown();
    scheduler.error(this, mistake);
    return Status.DRIVER_ABORTED;
  }

  @Override
  public Status stop() {
    return stop(false);
  }

  /** Without {@code failover} the framework ends at the master, and all its tasks with it. */
  @Override
  public Status stop(boolean failover) {
    Status before;
    SchedulerSession running;
    synchronized (this) {
      if (status != Status.DRIVER_RUNNING && status != Status.DRIVER_ABORTED) {
        return status;
      }
      before = status;
      running = session;
      status = Status.DRIVER_STOPPED;
    }
    if (before == Status.DRIVER_RUNNING) {
      running.stop(!failover);
    }
    ended.countDown();
    return before == Status.DRIVER_ABORTED ? Status.DRIVER_ABORTED : Status.DRIVER_STOPPED;
  }

  /**
   * No callback begins any more. The master sees the framework disconnect, and waits for as long
   * as its {@code failover_timeout} says.
   */
  @Override
  public Status abort() {
    synchronized (this) {
      if (status != Status.DRIVER_RUNNING) {
        return status;
      }
      status = Status.DRIVER_ABORTED;
    }
    ended.countDown();
    session.stop(false);
    return Status.DRIVER_ABORTED;
  }

  @Override
  public Status join() {
    synchronized (this) {
      if (status != Status.DRIVER_RUNNING) {
        return status;
      }
    }
    // The interface has no way to say that the wait was interrupted, and the driver that libmesos
    // has cannot be: the caller finds the mark on its thread afterwards.
    boolean interrupted = false;
    while (true) {
      try {
        ended.await();
        break;
      } catch (InterruptedException later) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      return status;
    }
  }

  @Override
  public Status run() {
    Status started = start();
    return started == Status.DRIVER_RUNNING ? join() : started;
  }

  @Override
  public Status requestResources(Collection<Request> requests) {
    return send(Calls.request(requests));
  }

  @Override
  public Status launchTasks(
      Collection<OfferID> offerIds, Collection<TaskInfo> tasks, Filters filters) {
    return send(Calls.launch(offerIds, tasks, filters));
  }

  @Override
  public Status launchTasks(Collection<OfferID> offerIds, Collection<TaskInfo> tasks) {
    return launchTasks(offerIds, tasks, Filters.getDefaultInstance());
  }

  /** @deprecated as in Mesos, for the same with several offers */
  @Deprecated
  @Override
  public Status launchTasks(OfferID offerId, Collection<TaskInfo> tasks, Filters filters) {
    return launchTasks(Collections.singleton(offerId), tasks, filters);
  }

  /** @deprecated as in Mesos, for the same with several offers */
  @Deprecated
  @Override
  public Status launchTasks(OfferID offerId, Collection<TaskInfo> tasks) {
    return launchTasks(Collections.singleton(offerId), tasks);
  }

  @Override
  public Status killTask(TaskID taskId) {
    return send(Calls.kill(taskId));
  }

  @Override
  public Status acceptOffers(
      Collection<OfferID> offerIds, Collection<Offer.Operation> operations, Filters filters) {
    return send(Calls.accept(offerIds, operations, filters));
  }

  @Override
  public Status declineOffer(OfferID offerId, Filters filters) {
    return send(Calls.decline(Collections.singleton(offerId), filters));
  }

  /** The default filter keeps the agent's resources away for five seconds. */
  @Override
  public Status declineOffer(OfferID offerId) {
    return declineOffer(offerId, Filters.getDefaultInstance());
  }

  @Override
  public Status reviveOffers() {
    return send(Calls.revive());
  }

  @Override
  public Status suppressOffers() {
    return send(Calls.suppress());
  }

  /**
   * Does nothing for an update that needs no acknowledgement, which is one without {@code uuid}.
   *
   * @throws IllegalStateException when this driver acknowledges by itself
   */
  @Override
  public Status acknowledgeStatusUpdate(TaskStatus update) {
    if (implicitAcknowledgements) {
      throw new IllegalStateException("this driver acknowledges implicitly");
    }
    if (!update.hasUuid()) {
      return currentStatus();
    }
    return send(Calls.acknowledge(update));
  }

  @Override
  public Status sendFrameworkMessage(ExecutorID executorId, SlaveID slaveId, byte[] data) {
    return send(Calls.message(executorId, slaveId, data));
  }

  @Override
  public Status reconcileTasks(Collection<TaskStatus> statuses) {
    return send(Calls.reconcile(statuses));
  }

  private synchronized Status currentStatus() {
    return status;
  }

  // Under the lock, so that calls leave in the order in which they were made.
  private synchronized Status send(Call call) {
    if (status == Status.DRIVER_RUNNING) {
      session.send(call);
    }
    return status;
  }
}
