package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.Event.KeeperState;

/** Values around the largest frame that a server takes (jute.maxbuffer, 1 048 575 bytes). */
final class Limits {
    private static final int FRAME_BYTES_MAX = 1_048_575;
    /** What a setData request has around path and data: header, two lengths, the version. */
    private static final int SET_DATA_OVERHEAD_BYTES = 8 + 4 + 4 + 4;

    private Limits() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("limits");
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        zk.create("/big", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/big/eph", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        byte[] largest = filled("/big", FRAME_BYTES_MAX);
        for (int size : new int[] {1000, 65_536, 262_144, largest.length}) {
            byte[] data = Arrays.copyOf(largest, size);
            transcript.step("setData of " + size + " bytes", () -> zk.setData("/big", data, -1));
            transcript.say(
                    "it comes back as it was",
                    Arrays.equals(data, zk.getData("/big", false, null)));
        }
        long session = zk.getSessionId();
        disconnect(zk, transcript);
        zk.gate.setOpen(true);
        transcript.list("reconnected", zk.events.takeUntilState(KeeperState.SyncConnected));
        transcript.say("as the same session", zk.getSessionId() == session);
        transcript.say("its node", zk.exists("/big/eph", false));
        transcript.say("the value", zk.exists("/big", false));
        byte[] half = Arrays.copyOf(largest, 500_000);
        zk.setData("/big/eph", half, -1);
        zk.setData("/big", half, -1);
        transcript.step(
                "an answer of more than the limit",
                () ->
                        zk.multi(
                                        List.of(
                                                Op.getData("/big"),
                                                Op.getData("/big/eph"),
                                                Op.getData("/big")))
                                .size());
        manyChildren(zk, transcript);
        zk.close();
    }

    /** The data that makes a setData request of a path as long as {@code frameBytes}. */
    private static byte[] filled(String path, int frameBytes) {
        byte[] data = new byte[frameBytes - SET_DATA_OVERHEAD_BYTES - path.length()];
        for (int index = 0; index < data.length; index++) {
            data[index] = (byte) ('a' + index % 23);
        }
        return data;
    }

    /**
     * Loses the connection by a request of one byte too many, with the gate closed.
     *
     * <p>The request fails in the client, and the server must not have executed it.
     */
    static void disconnect(Handle zk, Transcript transcript) throws Exception {
        List<String> before = zk.settledEvents();
        zk.gate.setOpen(false);
        byte[] data = filled("/one-too-many", FRAME_BYTES_MAX + 1);
        transcript.list("before", before);
        transcript.step("one byte too many", () -> zk.setData("/one-too-many", data, -1));
        transcript.list("disconnected", zk.events.takeUntilState(KeeperState.Disconnected));
    }

    private static void manyChildren(Handle zk, Transcript transcript)
            throws KeeperException, InterruptedException {
        String filler = "x".repeat(200);
        for (int batch = 0; batch < 10; batch++) {
            Op[] creations = new Op[200];
            for (int index = 0; index < creations.length; index++) {
                String path = String.format("/big/%s-%d-%03d", filler, batch, index);
                creations[index] =
                        Op.create(path, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            }
            zk.multi(Arrays.asList(creations));
        }
        List<String> names = zk.sortedChildren("/big");
        transcript.say("children", names.size());
        transcript.say("a checksum of their names", names.hashCode());
        transcript.say("their parent", zk.exists("/big", false));
        transcript.say("their number", zk.getAllChildrenNumber("/big"));
    }
}
