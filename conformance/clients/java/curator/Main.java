package conformance.curator;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;

/**
 * Runs Curator's recipes, each with the clients it takes to contend, and prints outcomes.
 *
 * <p>The one argument is the server's address.
 */
public final class Main {
    private static final int SESSION_TIMEOUT_MS = 30_000;
    private static final int CONNECTION_TIMEOUT_MS = 20_000;

    private Main() {}

    /** One group of recipes, given two clients with sessions of their own. */
    interface Chapter {
        void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception;
    }

    /** A connected client with a digest identity, unless that is null. */
    static CuratorFramework connect(String address, String identity) throws Exception {
        CuratorFrameworkFactory.Builder builder =
                CuratorFrameworkFactory.builder()
                        .connectString(address)
                        .sessionTimeoutMs(SESSION_TIMEOUT_MS)
                        .connectionTimeoutMs(CONNECTION_TIMEOUT_MS)
                        .retryPolicy(new RetryNTimes(3, 100));
        if (identity != null) {
            builder.authorization("digest", identity.getBytes());
        }
        CuratorFramework client = builder.build();
        client.start();
        if (!client.blockUntilConnected(CONNECTION_TIMEOUT_MS, TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("no connection to " + address);
        }
        return client;
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        PrintStream out =
                new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        Log log = new Log(out);
        Chapter[] chapters = {
            Basics::run,
            Transactions::run,
            Locks::run,
            Semaphores::run,
            Leadership::run,
            Caches::run,
            Nodes::run,
            Counters::run,
            Barriers::run,
        };
        for (Chapter chapter : chapters) {
            try (CuratorFramework left = connect(address, null);
                    CuratorFramework right = connect(address, "mia:secret")) {
                chapter.run(left, right, log);
            }
        }
        out.println("== end");
        // Threads of recipes that failed must not keep the program alive.
        System.exit(0);
    }
}
