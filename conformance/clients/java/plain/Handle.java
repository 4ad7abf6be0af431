package conformance.plain;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.jute.Record;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.proto.ReplyHeader;
import org.apache.zookeeper.proto.RequestHeader;

/** A client handle with a record of its events, a gate before its reconnects, and a raw door. */
final class Handle extends ZooKeeper {
    static final int TIMEOUT_MS = 30_000;

    final Events events;
    final Gate gate;

    private Handle(String address, int timeoutMs, Events events, Gate gate) throws IOException {
        super(address, timeoutMs, events, false, gate);
        this.events = events;
        this.gate = gate;
    }

    private Handle(String address, Events events, Gate gate, long session, byte[] password)
            throws IOException {
        super(address, TIMEOUT_MS, events, session, password, false, gate);
        this.events = events;
        this.gate = gate;
    }

    /** A connected handle with a new session. */
    static Handle open(String address) throws Exception {
        return open(address, TIMEOUT_MS);
    }

    static Handle open(String address, int timeoutMs) throws Exception {
        Handle handle = new Handle(address, timeoutMs, new Events(), new Gate(address));
        handle.events.takeUntilState(KeeperState.SyncConnected);
        return handle;
    }

    /** A handle that asks for an existing session; it may be refused, so nothing is awaited. */
    static Handle attach(String address, long session, byte[] password) throws Exception {
        return new Handle(address, new Events(), new Gate(address), session, password);
    }

    /**
     * The events that the server sent before it answers a request that is sent now.
     *
     * <p>The answer comes behind them on the same connection, and the client hands both to
     * its one event thread.
     */
    List<String> settledEvents() throws InterruptedException {
        CountDownLatch answered = new CountDownLatch(1);
        sync("/", (rc, path, context) -> answered.countDown(), null);
        answered.await();
        return events.takeAll();
    }

    /** Sends any request record under any operation code; returns the code of the answer. */
    Code raw(int type, Record request, Record response) throws InterruptedException {
        RequestHeader header = new RequestHeader();
        header.setType(type);
        ReplyHeader reply = cnxn.submitRequest(header, request, response, null);
        return Code.get(reply.getErr());
    }

    /** Children in alphabetical order: the server's own order means nothing. */
    List<String> sortedChildren(String path) throws KeeperException, InterruptedException {
        List<String> names = new ArrayList<>(getChildren(path, false));
        names.sort(null);
        return names;
    }
}
