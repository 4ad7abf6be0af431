package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.CREATOR_ALL_ACL;
import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.jute.Record;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.proto.Create2Response;
import org.apache.zookeeper.proto.CreateRequest;
import org.apache.zookeeper.proto.CreateResponse;
import org.apache.zookeeper.proto.CreateTTLRequest;

/** Creations that a server must refuse, many sent raw because the client would stop them. */
final class CreatingWrongly {
    private CreatingWrongly() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("creating wrongly");
        zk.create("/wrong", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/wrong/eph", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.create("/wrong/box", null, OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        byPlace(zk, transcript);
        byPath(zk, transcript);
        byAcl(zk, transcript);
        byFlags(zk, transcript);
        transcript.say("what exists now", zk.sortedChildren("/wrong"));
        transcript.say("parent", zk.exists("/wrong", false));
        zk.close();
    }

    private static void byPlace(Handle zk, Transcript transcript) throws Exception {
        String[] paths = {"/wrong/eph", "/wrong/missing/child", "/wrong/eph/child", "/wrong"};
        for (String path : paths) {
            for (CreateMode mode : new CreateMode[] {CreateMode.PERSISTENT, CreateMode.EPHEMERAL}) {
                transcript.step(
                        "create " + mode + " " + path,
                        () -> zk.create(path, null, OPEN_ACL_UNSAFE, mode));
            }
        }
        transcript.step(
                "sequential below an ephemeral",
                () ->
                        zk.create(
                                "/wrong/eph/s",
                                null,
                                OPEN_ACL_UNSAFE,
                                CreateMode.PERSISTENT_SEQUENTIAL));
        transcript.step(
                "ephemeral in a container",
                () -> zk.create("/wrong/box/e", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));
    }

    private static void byPath(Handle zk, Transcript transcript) throws Exception {
        String[] paths = {
            "/wrong/", "/wrong//x", "/wrong/box//x", "/wrong/.", "/wrong/..", "/wrong/../x", "/",
            "", "wrong", "wrong/x", "/wrong/nul\u0000", "/wrong/bell\u0007", "/wrong/del\u007f",
            "/wrong/private\ue000", "/wrong/special\ufff5", "/wrong/.hidden", "/wrong/...",
            "/wrong/blank space", null,
        };
        for (String path : paths) {
            CreateRequest request = new CreateRequest(path, null, OPEN_ACL_UNSAFE, 0);
            transcript.say(
                    "raw create " + (path == null ? "null" : printable(path)),
                    zk.raw(OpCode.create, request, new CreateResponse()));
        }
    }

    private static String printable(String path) {
        StringBuilder text = new StringBuilder();
        for (char letter : path.toCharArray()) {
            boolean plain = letter >= ' ' && letter < 0x7f;
            text.append(plain ? String.valueOf(letter) : String.format("<%x>", (int) letter));
        }
        return "'" + text + "'";
    }

    private static void byAcl(Handle zk, Transcript transcript) throws Exception {
        Object[][] lists = {
            {"null", null},
            {"empty", List.of()},
            {"auth without an identity", CREATOR_ALL_ACL},
            {"world:anyone twice", List.of(acl("world", "anyone"), acl("world", "anyone"))},
            {"world:someone", List.of(acl("world", "someone"))},
            {"unknown scheme", List.of(acl("nobody", "anyone"))},
            {"super", List.of(acl("super", ""))},
            {"digest without colon", List.of(acl("digest", "user"))},
            {"digest without hash", List.of(acl("digest", "user:"))},
            {"digest without user", List.of(acl("digest", ":hash"))},
            {"digest of three parts", List.of(acl("digest", "a:b:c"))},
            {"ip", List.of(acl("ip", "127.0.0.1"))},
            {"ip network", List.of(acl("ip", "127.0.0.0/8"))},
            {"ip network too small", List.of(acl("ip", "127.0.0.0/33"))},
            {"ip network of text", List.of(acl("ip", "127.0.0.0/x"))},
            {"ip of three parts", List.of(acl("ip", "127.0.0"))},
            {"ip too large", List.of(acl("ip", "127.0.0.256"))},
            {"one good, one bad", List.of(acl("world", "anyone"), acl("ip", "x"))},
        };
        for (Object[] row : lists) {
            @SuppressWarnings("unchecked")
            List<ACL> acl = (List<ACL>) row[1];
            String path = "/wrong/acl " + row[0];
            CreateRequest request = new CreateRequest(path, null, acl, 0);
            transcript.say("ACL " + row[0], zk.raw(OpCode.create, request, new CreateResponse()));
            // Asked of the parent: some of these nodes may not be looked at themselves.
            if (zk.sortedChildren("/wrong").contains("acl " + row[0])) {
                transcript.step("stored as", () -> zk.getACL(path, null));
            }
        }
        CreateRequest both = new CreateRequest("/wrong/missing/x", null, List.of(), 0);
        transcript.say(
                "bad ACL below a missing parent",
                zk.raw(OpCode.create, both, new CreateResponse()));
    }

    private static ACL acl(String scheme, String id) {
        return new ACL(31, new Id(scheme, id));
    }

    private static void byFlags(Handle zk, Transcript transcript) throws Exception {
        int[] operations = {OpCode.create, OpCode.create2, OpCode.createContainer};
        for (int operation : operations) {
            for (int flags : new int[] {0, 1, 2, 3, 4, 5, 6, 7, -1}) {
                String path = "/wrong/op" + operation + "flags" + flags;
                Record response =
                        operation == OpCode.create ? new CreateResponse() : new Create2Response();
                CreateRequest request = new CreateRequest(path, null, OPEN_ACL_UNSAFE, flags);
                transcript.say(
                        "operation " + operation + " flags " + flags,
                        zk.raw(operation, request, response));
            }
        }
        long[] ttls = {1, 0, -1, 1_099_511_627_775L, 1_099_511_627_776L, Long.MAX_VALUE};
        for (int flags : new int[] {0, 1, 4, 5, 6}) {
            for (long ttl : ttls) {
                if (ttl < 0 && flags < 5) {
                    // Apache 3.8.0 accepts this and then stops: there is no answer to compare.
                    continue;
                }
                // The shortest life would end at a moment of its own choice.
                long life = ttl == 1 ? 3_600_000 : ttl;
                CreateTTLRequest request =
                        new CreateTTLRequest(
                                "/wrong/ttl" + flags + "-" + ttl,
                                null,
                                OPEN_ACL_UNSAFE,
                                flags,
                                life);
                transcript.say(
                        "createTTL flags " + flags + " ttl " + life,
                        zk.raw(OpCode.createTTL, request, new Create2Response()));
            }
        }
    }
}
