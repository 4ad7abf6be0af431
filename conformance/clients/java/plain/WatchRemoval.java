package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.proto.CheckWatchesRequest;
import org.apache.zookeeper.proto.RemoveWatchesRequest;

/** Removing and checking watches of each type, also where there are none. */
final class WatchRemoval {
    private static final String PATH = "/removal";

    private WatchRemoval() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("removing watches");
        Handle zk = Handle.open(address);
        zk.create(PATH, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (WatcherType type : WatcherType.values()) {
            byLibrary(address, zk, transcript, type);
        }
        for (int kind = 0; kind <= 4; kind++) {
            // For a persistent watch, types 1 and 2 changed their meaning in ZooKeeper 3.9.
            for (int type = kind < 3 ? 1 : 3; type <= 3; type++) {
                checked(address, transcript, kind, type);
            }
        }
        // Only types that every version refuses: 4 and 5 came with ZooKeeper 3.9.
        for (int type : new int[] {0, 6, -1}) {
            transcript.say("raw check of type " + type, check(zk, PATH, type));
            transcript.say("raw removal of type " + type, remove(zk, PATH, type));
        }
        zk.close();
    }

    private static Object check(Handle zk, String path, int type) throws Exception {
        return zk.raw(OpCode.checkWatches, new CheckWatchesRequest(path, type), null);
    }

    private static Object remove(Handle zk, String path, int type) throws Exception {
        return zk.raw(OpCode.removeWatches, new RemoveWatchesRequest(path, type), null);
    }

    private static void byLibrary(
            String address, Handle zk, Transcript transcript, WatcherType type) throws Exception {
        Handle watching = Handle.open(address);
        transcript.step("remove " + type + " without any", () -> removed(watching, type));
        Events second = new Events();
        watching.getData(PATH, watching.events, null);
        watching.getData(PATH, second, null);
        watching.getChildren(PATH, watching.events);
        transcript.step("remove " + type, () -> removed(watching, type));
        transcript.list("events of it", sorted(watching));
        zk.setData(PATH, null, -1);
        zk.create(PATH + "/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.delete(PATH + "/x", -1);
        transcript.list("events left to the first", watching.settledEvents());
        transcript.list("events left to the second", second.takeAll());
        watching.getData(PATH, watching.events, null);
        watching.getChildren(PATH, watching.events);
        transcript.step(
                "remove all " + type,
                () -> {
                    watching.removeAllWatches(PATH, type, false);
                    return "removed";
                });
        transcript.list("events of it", sorted(watching));
        transcript.step(
                "remove all again " + type,
                () -> {
                    watching.removeAllWatches(PATH, type, false);
                    return "removed";
                });
        transcript.list("events of it", sorted(watching));
        watching.close();
    }

    /** The client makes the events of a removal itself, in whatever order its map has. */
    private static List<String> sorted(Handle watching) throws Exception {
        List<String> events = watching.settledEvents();
        events.sort(null);
        return events;
    }

    private static String removed(Handle watching, WatcherType type) throws Exception {
        watching.removeWatches(PATH, watching.events, type, false);
        return "removed";
    }

    /** What the server knows: raw check, removal and check again of one kind of watch. */
    private static void checked(String address, Transcript transcript, int kind, int type)
            throws Exception {
        String[] kinds = {"data", "exist", "child", "persistent", "recursive"};
        Handle watching = Handle.open(address);
        String path = kind == 1 ? PATH + "/none" : PATH;
        switch (kind) {
            case 0:
                watching.getData(path, watching.events, null);
                break;
            case 1:
                watching.exists(path, watching.events);
                break;
            case 2:
                watching.getChildren(path, watching.events);
                break;
            case 3:
                watching.addWatch(path, watching.events, AddWatchMode.PERSISTENT);
                break;
            default:
                watching.addWatch(path, watching.events, AddWatchMode.PERSISTENT_RECURSIVE);
                break;
        }
        String what = kinds[kind] + " watch, type " + type;
        transcript.say(what + " check", check(watching, path, type));
        transcript.say(what + " check elsewhere", check(watching, path + "x", type));
        transcript.say(what + " remove", remove(watching, path, type));
        transcript.say(what + " check after", check(watching, path, type));
        transcript.say(what + " remove again", remove(watching, path, type));
        transcript.list("events of it", sorted(watching));
        watching.close();
    }
}
