package conformance.plain;

import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.PrintStream;

/**
 * A tour through everything that Apache's client library asks of a server.
 *
 * <p>The one argument is the server's address. Every chapter works below a node of its
 * own and opens the handles it needs, so that chapters do not depend on each other.
 */
public final class Main {
    private Main() {}

    /** One chapter of the tour. */
    interface Chapter {
        void run(String address, Transcript transcript) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        PrintStream out =
                new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        Transcript transcript = new Transcript(out);
        Chapter[] chapters = {
            Creating::run,
            CreatingWrongly::run,
            Reading::run,
            Writing::run,
            AsyncOrder::run,
            Multis::run,
            Watching::run,
            WatchRemoval::run,
            Reconnecting::run,
            Access::run,
            Quotas::run,
            Limits::run,
            Sessions::run,
            Server::run,
        };
        for (Chapter chapter : chapters) {
            chapter.run(address, transcript);
        }
        out.println("== end");
        // Client threads of handles that were refused must not keep the program alive.
        System.exit(0);
    }
}
