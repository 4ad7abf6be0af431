package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.jute.Record;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.proto.CreateRequest;
import org.apache.zookeeper.proto.ExistsRequest;
import org.apache.zookeeper.proto.ExistsResponse;
import org.apache.zookeeper.proto.GetDataResponse;
import org.apache.zookeeper.proto.ReconfigRequest;
import org.apache.zookeeper.proto.SyncRequest;

/** The server's own configuration, and requests that no server knows or can read. */
final class Server {
    private Server() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("server");
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        Stat stat = new Stat();
        transcript.step("getConfig", () -> zk.getConfig(false, stat));
        transcript.say("  its Stat", stat);
        transcript.step("getConfig watched", () -> zk.getConfig(zk.events, stat));
        transcript.step("set it", () -> zk.setData("/zookeeper/config", null, -1));
        for (long version : new long[] {-1, 0, 77}) {
            ReconfigRequest request =
                    new ReconfigRequest("server.9=127.0.0.1:1:2;3", null, null, version);
            transcript.say(
                    "reconfig from " + version,
                    zk.raw(OpCode.reconfig, request, new GetDataResponse()));
        }
        unreadable(zk, transcript);
        unknown(zk, transcript);
        transcript.say("the session goes on", zk.exists("/", false));
        zk.close();
    }

    /** Records too short for their operation: an error, and the connection stays. */
    private static void unreadable(Handle zk, Transcript transcript) throws Exception {
        int[] operations = {
            OpCode.create, OpCode.create2, OpCode.createContainer, OpCode.createTTL, OpCode.setData,
            OpCode.setACL, OpCode.multi, OpCode.multiRead, OpCode.addWatch, OpCode.removeWatches,
            OpCode.checkWatches, OpCode.reconfig, OpCode.getChildren, OpCode.getChildren2,
            OpCode.getData, OpCode.exists, OpCode.delete,
        };
        for (int operation : operations) {
            Record tooShort = new SyncRequest("/x");
            transcript.say("short " + operation, zk.raw(operation, tooShort, null));
        }
        CreateRequest longer = new CreateRequest("/", null, OPEN_ACL_UNSAFE, 0);
        transcript.say(
                "more bytes than the record",
                zk.raw(OpCode.exists, longer, new ExistsResponse()));
        transcript.list("events of all that", zk.settledEvents());
    }

    private static void unknown(Handle zk, Transcript transcript) throws Exception {
        for (int operation : new int[] {77_777, 0}) {
            Code code = zk.raw(operation, new ExistsRequest("/", false), null);
            // The answer races with the end of the connection, also on Apache.
            boolean refused = code == Code.UNIMPLEMENTED || code == Code.CONNECTIONLOSS;
            transcript.say("operation " + operation, refused ? "refused" : code);
            List<String> lost = zk.events.takeUntilState(KeeperState.Disconnected);
            transcript.list("lost", lost);
            transcript.list("found", zk.events.takeUntilState(KeeperState.SyncConnected));
        }
        zk.create("/server-done", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        transcript.say("afterwards", zk.exists("/server-done", false));
    }
}
