package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.proto.AddWatchRequest;
import org.apache.zookeeper.proto.ErrorResponse;

/** Watches of every kind against one scripted sequence of changes made by another session. */
final class Watching {
    private Watching() {}

    /** Sets the watches under test. */
    private interface Setup {
        void on(Handle watching) throws Exception;
    }

    /** One change of the script. */
    private interface Change {
        void by(Handle zk) throws Exception;
    }

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("watching");
        Handle zk = Handle.open(address);
        scripted(
                address, zk, transcript, "exists", h -> h.exists("/watch/n", h.events));
        scripted(
                address,
                zk,
                transcript,
                "getData that fails",
                h -> failing(() -> h.getData("/watch/n", h.events, null)));
        scripted(
                address, zk, transcript, "getChildren", h -> h.getChildren("/watch", h.events));
        scripted(
                address,
                zk,
                transcript,
                "persistent",
                h -> h.addWatch("/watch/n", h.events, AddWatchMode.PERSISTENT));
        scripted(
                address,
                zk,
                transcript,
                "persistent on the parent",
                h -> h.addWatch("/watch", h.events, AddWatchMode.PERSISTENT));
        scripted(
                address,
                zk,
                transcript,
                "recursive",
                h -> h.addWatch("/watch", h.events, AddWatchMode.PERSISTENT_RECURSIVE));
        scripted(
                address,
                zk,
                transcript,
                "recursive on the root",
                h -> h.addWatch("/", h.events, AddWatchMode.PERSISTENT_RECURSIVE));
        scripted(
                address,
                zk,
                transcript,
                "persistent and recursive",
                h -> {
                    h.addWatch("/watch/n", h.events, AddWatchMode.PERSISTENT);
                    h.addWatch("/watch", h.events, AddWatchMode.PERSISTENT_RECURSIVE);
                });
        again(address, zk, transcript);
        ownChanges(zk, transcript);
        endOfSession(address, zk, transcript);
        for (int mode : new int[] {-1, 2, 7}) {
            transcript.say(
                    "raw addWatch mode " + mode,
                    zk.raw(
                            OpCode.addWatch,
                            new AddWatchRequest("/watch", mode),
                            new ErrorResponse()));
        }
        zk.close();
    }

    private static void failing(Transcript.Step step) throws Exception {
        try {
            step.run();
            throw new IllegalStateException("the node should not exist yet");
        } catch (KeeperException.NoNodeException expected) {
            // The point: does the server remember a watch although it answered an error?
        }
    }

    private static void scripted(
            String address, Handle zk, Transcript transcript, String what, Setup setup)
            throws Exception {
        String[] names = {
            "create", "create kid", "set", "set kid", "same data", "setACL", "create leaf",
            "delete leaf", "delete kid", "multi", "delete",
        };
        Change[] changes = {
            h -> h.create("/watch/n", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            h -> h.create("/watch/n/k", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            h -> h.setData("/watch/n", Reading.bytes("x"), -1),
            h -> h.setData("/watch/n/k", Reading.bytes("x"), -1),
            h -> h.setData("/watch/n", Reading.bytes("x"), -1),
            h -> h.setACL("/watch/n", OPEN_ACL_UNSAFE, -1),
            h -> h.create("/watch/n/k/l", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            h -> h.delete("/watch/n/k/l", -1),
            h -> h.delete("/watch/n/k", -1),
            h ->
                    h.multi(
                            List.of(
                                    Op.create(
                                            "/watch/n/m",
                                            null,
                                            OPEN_ACL_UNSAFE,
                                            CreateMode.PERSISTENT),
                                    Op.setData("/watch/n", null, -1),
                                    Op.delete("/watch/n/m", -1))),
            h -> h.delete("/watch/n", -1),
        };
        if (zk.exists("/watch", false) == null) {
            zk.create("/watch", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        }
        Handle watching = Handle.open(address);
        setup.on(watching);
        for (int index = 0; index < changes.length; index++) {
            changes[index].by(zk);
            transcript.list(what + " sees " + names[index], watching.settledEvents());
        }
        watching.close();
    }

    /** Standard watches set on an existing node, twice and in both tables. */
    private static void again(String address, Handle zk, Transcript transcript) throws Exception {
        Handle watching = Handle.open(address);
        zk.create("/watch/twice", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (int turn = 0; turn < 2; turn++) {
            watching.getData("/watch/twice", watching.events, null);
            watching.exists("/watch/twice", watching.events);
            watching.getChildren("/watch/twice", watching.events);
            watching.getChildren("/watch", watching.events);
        }
        zk.setData("/watch/twice", null, -1);
        transcript.list("set, watched twice", watching.settledEvents());
        zk.setData("/watch/twice", null, -1);
        transcript.list("set again", watching.settledEvents());
        watching.getData("/watch/twice", watching.events, null);
        zk.create("/watch/twice/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        transcript.list("a child leaves the data watch", watching.settledEvents());
        watching.getChildren("/watch/twice", watching.events);
        zk.delete("/watch/twice/x", -1);
        transcript.list("its end", watching.settledEvents());
        watching.getChildren("/watch/twice", watching.events);
        zk.delete("/watch/twice", -1);
        transcript.list("delete with data and child watches", watching.settledEvents());
        zk.create("/watch/twice", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        transcript.list("nothing is left", watching.settledEvents());
        zk.delete("/watch/twice", -1);
        watching.close();
    }

    /** A client's own change: its event comes before its answer. */
    private static void ownChanges(Handle zk, Transcript transcript) throws Exception {
        zk.create("/watch/own", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.settledEvents();
        zk.getData("/watch/own", zk.events, null);
        zk.getChildren("/watch", zk.events);
        zk.setData("/watch/own", null, -1);
        zk.delete("/watch/own", -1);
        transcript.list("own changes", zk.settledEvents());
    }

    /** Ephemerals that end with their session are deletions like any other. */
    private static void endOfSession(String address, Handle zk, Transcript transcript)
            throws Exception {
        Handle owner = Handle.open(address);
        owner.create("/watch/eph", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.settledEvents();
        zk.getData("/watch/eph", zk.events, null);
        zk.getChildren("/watch", zk.events);
        zk.addWatch("/watch/eph", zk.events, AddWatchMode.PERSISTENT);
        owner.close();
        transcript.list("the owner closed its session", zk.settledEvents());
        transcript.say("the parent", zk.exists("/watch", false));
    }
}
