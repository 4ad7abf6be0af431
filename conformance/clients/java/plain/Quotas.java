package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import org.apache.zookeeper.CreateMode;

/** Quotas, set as clients set them: as nodes below /zookeeper/quota. */
final class Quotas {
    private static final String QUOTA = "/zookeeper/quota/quota";

    private Quotas() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("quotas");
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        zk.create("/quota", Reading.bytes("12345"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/quota/a", Reading.bytes("123"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        plain(zk, QUOTA, null);
        plain(zk, QUOTA + "/zookeeper_limits", "count=4,bytes=20");
        plain(zk, QUOTA + "/zookeeper_stats", "count=0,bytes=0");
        zk.getData(QUOTA + "/zookeeper_stats", zk.events, null);
        usage(zk, transcript, "usage at first");
        transcript.step("grow", () -> zk.setData("/quota/a", new byte[10], -1));
        usage(zk, transcript, "usage grown");
        transcript.step("shrink", () -> zk.setData("/quota/a", null, -1));
        usage(zk, transcript, "usage shrunk");
        for (String name : new String[] {"b", "c", "d", "c/deep"}) {
            transcript.step(
                    "create " + name,
                    () ->
                            zk.create(
                                    "/quota/" + name,
                                    new byte[8],
                                    OPEN_ACL_UNSAFE,
                                    CreateMode.PERSISTENT));
            usage(zk, transcript, "usage with " + name);
        }
        zk.delete("/quota/d", -1);
        usage(zk, transcript, "usage without d");
        nested(zk, transcript);
        hard(zk, transcript);
        zk.delete(QUOTA + "/zookeeper_limits", -1);
        zk.create("/quota/unseen", new byte[100], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        usage(zk, transcript, "usage after the limits are gone");
        transcript.list("no events of usage", zk.settledEvents());
        zk.close();
    }

    private static void plain(Handle zk, String path, String text) throws Exception {
        byte[] data = text == null ? null : Reading.bytes(text);
        zk.create(path, data, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    private static void usage(Handle zk, Transcript transcript, String what) throws Exception {
        transcript.step(what, () -> zk.getData(QUOTA + "/zookeeper_stats", false, null));
        transcript.say("  its Stat", zk.exists(QUOTA + "/zookeeper_stats", false));
    }

    private static void nested(Handle zk, Transcript transcript) throws Exception {
        plain(zk, QUOTA + "/c", null);
        plain(zk, QUOTA + "/c/zookeeper_limits", "count=1,bytes=1");
        plain(zk, QUOTA + "/c/zookeeper_stats", "count=0,bytes=0");
        zk.create("/quota/c/more", new byte[5], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        usage(zk, transcript, "usage of the outer quota");
        transcript.say(
                "usage of the inner quota",
                zk.getData(QUOTA + "/c/zookeeper_stats", false, null));
    }

    /** Hard limits are kept but not enforced unless the server is told to. */
    private static void hard(Handle zk, Transcript transcript) throws Exception {
        String limits = "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2";
        transcript.step(
                "hard limits",
                () -> zk.setData(QUOTA + "/zookeeper_limits", Reading.bytes(limits), -1));
        transcript.step(
                "beyond a hard limit",
                () ->
                        zk.create(
                                "/quota/beyond",
                                new byte[50],
                                OPEN_ACL_UNSAFE,
                                CreateMode.EPHEMERAL));
        usage(zk, transcript, "usage beyond");
    }
}
