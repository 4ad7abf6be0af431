package conformance.plain;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Stat;

/**
 * Prints what a program saw of a server, without what differs between two runs.
 *
 * <p>Times, session ids and zxids are never printed themselves, only how they relate:
 * whether a node was changed after its creation, and whether its owner is this session.
 */
final class Transcript {
    /** A step whose result or error belongs into the transcript. */
    interface Step {
        Object run() throws Exception;
    }

    private static final int TEXT_LENGTH_MAX = 60;

    private final PrintStream out;
    private long session;

    Transcript(PrintStream out) {
        this.out = out;
    }

    /** The session that Stats call "own" from here on. */
    void setSession(long id) {
        session = id;
    }

    void chapter(String title) {
        out.println("== " + title);
    }

    void say(String what, Object result) {
        out.println(what + ": " + render(result));
    }

    /** Runs a step and prints its result, or the name of the error that it ended with. */
    void step(String what, Step step) throws Exception {
        try {
            say(what, step.run());
        } catch (KeeperException error) {
            say(what, "error " + error.code() + " path " + error.getPath());
            if (error.getResults() != null) {
                say(what + " results", error.getResults());
            }
        } catch (IllegalArgumentException error) {
            say(what, "refused by the client");
        }
    }

    /** Prints events or other lines that belong under one heading, also when there are none. */
    void list(String what, List<String> lines) {
        out.println(what + ": " + lines.size());
        lines.forEach(line -> out.println("  " + line));
    }

    String render(Object value) {
        if (value == null) {
            return "null";
        } else if (value instanceof Stat) {
            return stat((Stat) value);
        } else if (value instanceof byte[]) {
            return data((byte[]) value);
        } else if (value instanceof Code) {
            return ((Code) value).name();
        } else if (value instanceof ACL) {
            ACL acl = (ACL) value;
            return acl.getPerms() + ":" + acl.getId().getScheme() + ":" + acl.getId().getId();
        } else if (value instanceof ClientInfo) {
            ClientInfo info = (ClientInfo) value;
            return info.getAuthScheme() + ":" + info.getUser();
        } else if (value instanceof OpResult) {
            return opResult((OpResult) value);
        } else if (value instanceof List) {
            return ((List<?>) value)
                    .stream().map(this::render).collect(Collectors.joining(", ", "[", "]"));
        }
        return value.toString();
    }

    private String stat(Stat stat) {
        String owner = "other";
        if (stat.getEphemeralOwner() == 0) {
            owner = "none";
        } else if (stat.getEphemeralOwner() == session) {
            owner = "own";
        }
        return String.format(
                "{version %d cversion %d aversion %d owner %s length %d children %d %s %s %s}",
                stat.getVersion(),
                stat.getCversion(),
                stat.getAversion(),
                owner,
                stat.getDataLength(),
                stat.getNumChildren(),
                "mzxid" + relation(stat.getMzxid(), stat.getCzxid()) + "czxid",
                "pzxid" + relation(stat.getPzxid(), stat.getCzxid()) + "czxid",
                stat.getMtime() >= stat.getCtime() ? "times-ok" : "mtime-before-ctime");
    }

    private static String relation(long left, long right) {
        return left == right ? "=" : left > right ? ">" : "<";
    }

    private static String data(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        if (text.length() > TEXT_LENGTH_MAX) {
            text = text.substring(0, TEXT_LENGTH_MAX) + "...";
        }
        return data.length + " bytes '" + text + "'";
    }

    private String opResult(OpResult result) {
        if (result instanceof OpResult.ErrorResult) {
            return "error " + Code.get(((OpResult.ErrorResult) result).getErr());
        } else if (result instanceof OpResult.CreateResult) {
            OpResult.CreateResult created = (OpResult.CreateResult) result;
            return "created " + created.getPath() + " " + render(created.getStat());
        } else if (result instanceof OpResult.SetDataResult) {
            return "set " + render(((OpResult.SetDataResult) result).getStat());
        } else if (result instanceof OpResult.GetDataResult) {
            OpResult.GetDataResult got = (OpResult.GetDataResult) result;
            return "got " + render(got.getData()) + " " + render(got.getStat());
        } else if (result instanceof OpResult.GetChildrenResult) {
            List<String> names =
                    new ArrayList<>(((OpResult.GetChildrenResult) result).getChildren());
            names.sort(null);
            return "children " + names;
        }
        return result.getClass().getSimpleName() + " of type " + result.getType();
    }
}
