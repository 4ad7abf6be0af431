package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.proto.DeleteRequest;
import org.apache.zookeeper.proto.SetACLRequest;
import org.apache.zookeeper.proto.SetACLResponse;
import org.apache.zookeeper.proto.SetDataRequest;
import org.apache.zookeeper.proto.SetDataResponse;

/** setData, setACL and delete: versions, Stats of nodes and parents, and refusals. */
final class Writing {
    private Writing() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("writing");
        zk.create("/write", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/write/kid", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        data(zk, transcript);
        acl(zk, transcript);
        deletes(zk, transcript);
        rawPaths(zk, transcript);
        zk.close();
    }

    private static void data(Handle zk, Transcript transcript) throws Exception {
        int[] versions = {0, -1, 2, 2, 9, -2, Integer.MAX_VALUE};
        for (int version : versions) {
            transcript.step(
                    "setData at version " + version,
                    () -> zk.setData("/write", Reading.bytes("at " + version), version));
        }
        transcript.say("left behind", zk.getData("/write", false, null));
        transcript.step("setData null", () -> zk.setData("/write", null, -1));
        transcript.say("left behind", zk.getData("/write", false, null));
        transcript.step("setData empty", () -> zk.setData("/write", new byte[0], -1));
        transcript.say("left behind", zk.getData("/write", false, null));
        transcript.step("setData missing", () -> zk.setData("/write/none", null, -1));
        transcript.step("setData missing, versioned", () -> zk.setData("/write/none", null, 5));
        transcript.step("setData of the root", () -> zk.setData("/", Reading.bytes("root"), -1));
        transcript.say("the root", zk.exists("/", false));
        transcript.say("the child is untouched", zk.exists("/write/kid", false));
    }

    private static void acl(Handle zk, Transcript transcript) throws Exception {
        Id world = new Id("world", "anyone");
        List<ACL> most = Arrays.asList(new ACL(Perms.ALL & ~Perms.DELETE, world));
        List<ACL> twice = Arrays.asList(OPEN_ACL_UNSAFE.get(0), OPEN_ACL_UNSAFE.get(0));
        transcript.step("setACL", () -> zk.setACL("/write", most, 0));
        transcript.step("setACL at a stale version", () -> zk.setACL("/write", most, 0));
        transcript.step("setACL with a duplicate", () -> zk.setACL("/write", twice, 1));
        transcript.say("stored", zk.getACL("/write", null));
        transcript.step("setACL at any version", () -> zk.setACL("/write", OPEN_ACL_UNSAFE, -1));
        transcript.step("setACL missing", () -> zk.setACL("/write/none", OPEN_ACL_UNSAFE, -1));
        transcript.say(
                "raw setACL with no list",
                zk.raw(
                        OpCode.setACL,
                        new SetACLRequest("/write", null, -1),
                        new SetACLResponse()));
        transcript.say(
                "raw setACL of a missing node with no list",
                zk.raw(
                        OpCode.setACL,
                        new SetACLRequest("/write/none", List.of(), -1),
                        new SetACLResponse()));
        // Permission bits are taken as they come.
        for (int perms : new int[] {0, 64, -1}) {
            zk.create("/write/odd", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            List<ACL> odd = Arrays.asList(new ACL(perms, world));
            transcript.step("setACL of bits " + perms, () -> zk.setACL("/write/odd", odd, 0));
            transcript.step("read with bits " + perms, () -> zk.getData("/write/odd", false, null));
            transcript.step("its ACL", () -> zk.getACL("/write/odd", null));
            zk.delete("/write/odd", -1);
        }
    }

    private static void deletes(Handle zk, Transcript transcript) throws Exception {
        zk.setData("/write/kid", Reading.bytes("x"), 0);
        String[] paths = {"/write", "/write/kid", "/write/none", "/write/none/deeper"};
        for (String path : paths) {
            transcript.step("delete " + path + " at version 7", () -> gone(zk, path, 7));
        }
        transcript.step("delete with children", () -> gone(zk, "/write", -1));
        transcript.step("delete at its version", () -> gone(zk, "/write/kid", 1));
        transcript.say("the parent", zk.exists("/write", false));
        transcript.step("delete again", () -> gone(zk, "/write/kid", -1));
        zk.create("/write/kid", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        transcript.say("reborn", zk.exists("/write/kid", false));
        transcript.say("the parent", zk.exists("/write", false));
        for (String path : new String[] {"/zookeeper/quota", "/zookeeper/config", "/zookeeper"}) {
            transcript.step("delete " + path, () -> gone(zk, path, -1));
        }
        transcript.step("delete the root", () -> gone(zk, "/", -1));
        transcript.step(
                "create below /zookeeper",
                () ->
                        zk.create(
                                "/zookeeper/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        transcript.step("and delete it", () -> gone(zk, "/zookeeper/x", -1));
        transcript.say("its Stat", zk.exists("/zookeeper", false));
    }

    private static String gone(Handle zk, String path, int version) throws Exception {
        zk.delete(path, version);
        return "gone";
    }

    private static void rawPaths(Handle zk, Transcript transcript) throws Exception {
        for (String path : new String[] {"", "write", "/write/", "//write", "/write/.", null}) {
            transcript.say(
                    "raw setData '" + path + "'",
                    zk.raw(
                            OpCode.setData,
                            new SetDataRequest(path, null, -1),
                            new SetDataResponse()));
            transcript.say(
                    "raw setACL '" + path + "'",
                    zk.raw(
                            OpCode.setACL,
                            new SetACLRequest(path, OPEN_ACL_UNSAFE, -1),
                            new SetACLResponse()));
            transcript.say(
                    "raw delete '" + path + "'",
                    zk.raw(OpCode.delete, new DeleteRequest(path, -1), null));
        }
    }
}
