package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;

/** What a handle is told about the time in which it was disconnected. */
final class Reconnecting {
    private Reconnecting() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("reconnecting");
        Handle zk = Handle.open(address);
        for (String path :
                new String[] {
                    "/gap", "/gap/data", "/gap/gone", "/gap/kids", "/gap/kids/k", "/gap/same",
                    "/gap/kidsgone", "/gap/deep", "/gap/reborn",
                }) {
            zk.create(path, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        }
        Handle watching = Handle.open(address);
        transcript.setSession(watching.getSessionId());
        watching.create("/gap/eph", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        watch(watching);
        Limits.disconnect(watching, transcript);
        change(zk);
        watching.gate.setOpen(true);
        List<String> states = watching.events.takeUntilState(KeeperState.SyncConnected);
        transcript.list("reconnected", states.subList(states.size() - 1, states.size()));
        transcript.list("what was missed", sorted(watching.settledEvents()));
        transcript.say("the session's node", watching.exists("/gap/eph", false));
        afterwards(zk);
        transcript.list("what came afterwards", watching.settledEvents());
        watching.close();
        zk.close();
    }

    private static void watch(Handle handle) throws Exception {
        for (String name : new String[] {"data", "gone", "same", "reborn"}) {
            handle.getData("/gap/" + name, handle.events, null);
        }
        for (String name : new String[] {"new", "never", "between"}) {
            handle.exists("/gap/" + name, handle.events);
        }
        for (String name : new String[] {"kids", "kidsgone", "same"}) {
            handle.getChildren("/gap/" + name, handle.events);
        }
        handle.addWatch("/gap/deep", handle.events, AddWatchMode.PERSISTENT_RECURSIVE);
        handle.addWatch("/gap/kids", handle.events, AddWatchMode.PERSISTENT);
    }

    private static void change(Handle zk) throws Exception {
        zk.setData("/gap/data", Reading.bytes("changed"), -1);
        zk.delete("/gap/gone", -1);
        zk.create("/gap/new", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/gap/between", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.delete("/gap/between", -1);
        zk.delete("/gap/kids/k", -1);
        zk.delete("/gap/kidsgone", -1);
        zk.create("/gap/deep/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.delete("/gap/reborn", -1);
        zk.create("/gap/reborn", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setACL("/gap/same", OPEN_ACL_UNSAFE, -1);
    }

    private static void afterwards(Handle zk) throws Exception {
        zk.setData("/gap/data", null, -1);
        zk.setData("/gap/same", null, -1);
        zk.create("/gap/same/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/gap/never", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/gap/between", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setData("/gap/deep/x", null, -1);
        zk.setData("/gap/kids", null, -1);
        zk.create("/gap/kids/k", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    /** The order of events made for a reconnect is that of the client's own tables. */
    private static List<String> sorted(List<String> events) {
        events.sort(null);
        return events;
    }
}
