package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** Transactions of every kind of operation, those that fail at every place, and multi reads. */
final class Multis {
    private static final byte[] DATA = Reading.bytes("data");

    private Multis() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("multi");
        zk.create("/multi", DATA, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Handle watching = Handle.open(address);
        everyKind(zk, watching, transcript);
        failures(zk, watching, transcript);
        isolation(zk, transcript);
        reads(zk, address, transcript);
        watching.close();
        zk.close();
    }

    private static Op create(String path, CreateMode mode) {
        return mode.isTTL()
                ? Op.create(path, DATA, OPEN_ACL_UNSAFE, mode, 3_600_000)
                : Op.create(path, DATA, OPEN_ACL_UNSAFE, mode);
    }

    private static void everyKind(Handle zk, Handle watching, Transcript transcript)
            throws Exception {
        watching.getChildren("/multi", watching.events);
        watching.exists("/multi/plain", watching.events);
        watching.getData("/multi", watching.events, null);
        transcript.step(
                "every kind",
                () ->
                        zk.multi(
                                List.of(
                                        Op.check("/multi", 0),
                                        create("/multi/plain", CreateMode.PERSISTENT),
                                        create("/multi/eph", CreateMode.EPHEMERAL),
                                        create("/multi/seq-", CreateMode.PERSISTENT_SEQUENTIAL),
                                        create("/multi/eseq-", CreateMode.EPHEMERAL_SEQUENTIAL),
                                        create("/multi/box", CreateMode.CONTAINER),
                                        create("/multi/ttl", CreateMode.PERSISTENT_WITH_TTL),
                                        create(
                                                "/multi/ttl-",
                                                CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL),
                                        create("/multi/plain/kid", CreateMode.PERSISTENT),
                                        Op.setData("/multi/plain", null, 0),
                                        Op.setData("/multi", DATA, -1),
                                        Op.check("/multi/plain", 1),
                                        Op.delete("/multi/plain/kid", 0),
                                        Op.check("/multi", 1))));
        transcript.list("its events", watching.settledEvents());
        transcript.say("children", zk.sortedChildren("/multi"));
        transcript.say("parent", zk.exists("/multi", false));
        Stat plain = zk.exists("/multi/plain", false);
        transcript.say("changed within", plain);
        Stat box = zk.exists("/multi/box", false);
        transcript.say("one zxid for all", plain.getCzxid() == box.getCzxid());
        transcript.step("empty", () -> zk.multi(List.of()));
        transcript.step("only a check", () -> zk.multi(List.of(Op.check("/multi", 1))));
    }

    private static void failures(Handle zk, Handle watching, Transcript transcript)
            throws Exception {
        watching.getChildren("/multi", watching.events);
        watching.getData("/multi", watching.events, null);
        watching.exists("/multi/new", watching.events);
        List<ACL> bad = Arrays.asList(new ACL(31, new Id("nobody", "x")));
        Op[] failing = {
            Op.check("/multi", 77),
            Op.check("/multi/none", -1),
            create("/multi", CreateMode.PERSISTENT),
            create("/multi/none/x", CreateMode.PERSISTENT),
            create("/multi/eph/x", CreateMode.PERSISTENT),
            Op.create("/multi/acl", DATA, bad, CreateMode.PERSISTENT),
            Op.delete("/multi", -1),
            Op.delete("/multi/none", -1),
            Op.delete("/multi/plain", 77),
            Op.setData("/multi/none", DATA, -1),
            Op.setData("/multi/plain", DATA, 77),
            Op.delete("/zookeeper", -1),
        };
        for (Op op : failing) {
            Op before = create("/multi/new", CreateMode.PERSISTENT);
            Op after = Op.setData("/multi", null, -1);
            String what = "failing type " + op.getType() + " on " + op.getPath();
            transcript.step(what, () -> zk.multi(List.of(before, op, after)));
        }
        transcript.step(
                "failing first",
                () -> zk.multi(List.of(Op.check("/multi", 77), Op.delete("/multi/plain", -1))));
        transcript.step(
                "failing last",
                () -> zk.multi(List.of(Op.delete("/multi/plain", -1), Op.check("/multi", 77))));
        transcript.step(
                "two that fail",
                () -> zk.multi(List.of(Op.check("/multi", 77), Op.check("/multi/none", 0))));
        transcript.step("the path of the client", () -> zk.multi(List.of(Op.check("bad", 0))));
        transcript.list("no events", watching.settledEvents());
        transcript.say("nothing changed", zk.exists("/multi", false));
        transcript.say("children", zk.sortedChildren("/multi"));
    }

    private static void isolation(Handle zk, Transcript transcript) throws Exception {
        transcript.step(
                "born and gone",
                () ->
                        zk.multi(
                                List.of(
                                        create("/multi/brief", CreateMode.PERSISTENT),
                                        Op.setData("/multi/brief", null, 0),
                                        Op.delete("/multi/brief", 1),
                                        create("/multi/brief", CreateMode.EPHEMERAL),
                                        Op.delete("/multi/brief", 0))));
        transcript.say("the parent", zk.exists("/multi", false));
        transcript.step(
                "numbered by earlier operations",
                () ->
                        zk.multi(
                                List.of(
                                        create("/multi/n-", CreateMode.PERSISTENT_SEQUENTIAL),
                                        create("/multi/n-", CreateMode.PERSISTENT_SEQUENTIAL))));
        transcript.step(
                "transaction builder",
                () ->
                        zk.transaction()
                                .create(
                                        "/multi/built",
                                        DATA,
                                        OPEN_ACL_UNSAFE,
                                        CreateMode.PERSISTENT)
                                .setData("/multi/built", null, 0)
                                .check("/multi/built", 1)
                                .delete("/multi/built", 1)
                                .commit());
        transcript.step(
                "an ACL of this connection's identities",
                () -> {
                    zk.addAuthInfo("digest", Reading.bytes("mia:secret"));
                    List<ACL> mine = Arrays.asList(new ACL(31, new Id("auth", "")));
                    zk.multi(
                            List.of(
                                    Op.create("/multi/mine", DATA, mine, CreateMode.PERSISTENT),
                                    Op.check("/multi/mine", 0)));
                    return zk.getACL("/multi/mine", null);
                });
    }

    private static void reads(Handle zk, String address, Transcript transcript) throws Exception {
        transcript.step(
                "reads",
                () ->
                        zk.multi(
                                List.of(
                                        Op.getData("/multi"),
                                        Op.getChildren("/multi"),
                                        Op.getData("/multi/none"),
                                        Op.getChildren("/multi/none"),
                                        Op.getData("/multi/eph"))));
        transcript.step("one read", () -> zk.multi(List.of(Op.getChildren("/multi/plain"))));
        transcript.step(
                "reads mixed with writes",
                () -> zk.multi(List.of(Op.getData("/multi"), Op.setData("/multi", null, -1))));
        Handle stranger = Handle.open(address);
        zk.setACL("/multi/mine", Arrays.asList(new ACL(1, new Id("digest", "x:y"))), -1);
        transcript.step(
                "reads without permission",
                () -> stranger.multi(List.of(Op.getData("/multi/mine"), Op.getData("/multi"))));
        transcript.step(
                "writes without permission",
                () ->
                        stranger.multi(
                                List.of(
                                        Op.setData("/multi", null, -1),
                                        Op.setData("/multi/mine", null, -1))));
        stranger.close();
    }
}
