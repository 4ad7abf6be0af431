package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.proto.ExistsRequest;
import org.apache.zookeeper.proto.ExistsResponse;
import org.apache.zookeeper.proto.GetACLRequest;
import org.apache.zookeeper.proto.GetACLResponse;
import org.apache.zookeeper.proto.GetAllChildrenNumberRequest;
import org.apache.zookeeper.proto.GetAllChildrenNumberResponse;
import org.apache.zookeeper.proto.GetChildrenRequest;
import org.apache.zookeeper.proto.GetChildrenResponse;
import org.apache.zookeeper.proto.GetDataRequest;
import org.apache.zookeeper.proto.GetDataResponse;
import org.apache.zookeeper.proto.SyncRequest;
import org.apache.zookeeper.proto.SyncResponse;

/** Every read, on nodes that exist and on those that do not. */
final class Reading {
    private Reading() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("reading");
        zk.create("/read", bytes("top"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/read/kid", bytes("inner"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/read/kid/leaf", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.create("/read/eph", bytes("mine"), OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        for (String path : new String[] {"/read", "/read/kid", "/read/eph", "/read/none"}) {
            everyRead(zk, transcript, path);
        }
        ephemerals(zk, transcript);
        strangePaths(zk, transcript);

        Handle other = Handle.open(address);
        transcript.setSession(other.getSessionId());
        transcript.say("another session sees", other.exists("/read/eph", false));
        transcript.say("and owns", other.getEphemerals());
        other.close();
        zk.close();
    }

    private static void everyRead(Handle zk, Transcript transcript, String path) throws Exception {
        Stat stat = new Stat();
        transcript.step("exists " + path, () -> zk.exists(path, false));
        transcript.step("getData " + path, () -> zk.getData(path, false, stat));
        transcript.say("  its Stat", stat);
        transcript.step("getChildren " + path, () -> zk.sortedChildren(path));
        transcript.step(
                "getChildren2 " + path,
                () -> {
                    List<String> names = new ArrayList<>(zk.getChildren(path, false, stat));
                    names.sort(null);
                    return names;
                });
        transcript.say("  its Stat", stat);
        transcript.step("getACL " + path, () -> zk.getACL(path, stat));
        transcript.say("  its Stat", stat);
        transcript.step("getAllChildrenNumber " + path, () -> zk.getAllChildrenNumber(path));
        transcript.step(
                "sync " + path,
                () -> zk.raw(OpCode.sync, new SyncRequest(path), new SyncResponse()));
    }

    private static void ephemerals(Handle zk, Transcript transcript) throws Exception {
        String[] prefixes = {"/", "/read", "/read/k", "/read/kid/", "/read/eph", "/none"};
        for (String prefix : prefixes) {
            transcript.step(
                    "getEphemerals " + prefix,
                    () -> {
                        List<String> paths = new ArrayList<>(zk.getEphemerals(prefix));
                        paths.sort(null);
                        return paths;
                    });
        }
    }

    private static void strangePaths(Handle zk, Transcript transcript) throws Exception {
        for (String path : new String[] {"", "read", "/read/", "//", "/read/../read", null}) {
            transcript.say(
                    "raw exists '" + path + "'",
                    zk.raw(OpCode.exists, new ExistsRequest(path, false), new ExistsResponse()));
            transcript.say(
                    "raw getData '" + path + "'",
                    zk.raw(OpCode.getData, new GetDataRequest(path, false), new GetDataResponse()));
            transcript.say(
                    "raw getChildren '" + path + "'",
                    zk.raw(
                            OpCode.getChildren,
                            new GetChildrenRequest(path, false),
                            new GetChildrenResponse()));
            transcript.say(
                    "raw getACL '" + path + "'",
                    zk.raw(OpCode.getACL, new GetACLRequest(path), new GetACLResponse()));
            transcript.say(
                    "raw getAllChildrenNumber '" + path + "'",
                    zk.raw(
                            OpCode.getAllChildrenNumber,
                            new GetAllChildrenNumberRequest(path),
                            new GetAllChildrenNumberResponse()));
        }
        transcript.say(
                "raw exists with a NUL",
                zk.raw(
                        OpCode.exists,
                        new ExistsRequest("/read\u0000", false),
                        new ExistsResponse()));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
