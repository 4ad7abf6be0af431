package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.CREATOR_ALL_ACL;
import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;

/**
 * Identities, and what each permission allows to whom.
 *
 * <p>Left out is exists without READ: releases since 3.8.4 refuse it, Debian's does not.
 */
final class Access {
    private Access() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("access");
        Handle owner = Handle.open(address);
        Handle stranger = Handle.open(address);
        transcript.setSession(owner.getSessionId());
        identities(owner, transcript);
        owner.create("/acl", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (int perms : new int[] {0, 1, 2, 4, 8, 16, 3, 5, 31}) {
            permissions(owner, stranger, transcript, perms);
        }
        matching(owner, stranger, transcript);
        hiddenEvents(owner, stranger, transcript);
        stranger.close();
        refusedScheme(address, transcript);
    }

    private static List<String> who(Handle zk, Transcript transcript) throws Exception {
        List<String> names = new ArrayList<>();
        for (ClientInfo info : zk.whoAmI()) {
            names.add(transcript.render(info));
        }
        names.sort(null);
        return names;
    }

    private static void identities(Handle zk, Transcript transcript) throws Exception {
        transcript.say("who at first", who(zk, transcript));
        zk.addAuthInfo("digest", Reading.bytes("mia:secret"));
        transcript.say("who with one", who(zk, transcript));
        zk.addAuthInfo("digest", Reading.bytes("leo:secret"));
        zk.addAuthInfo("digest", Reading.bytes("mia:secret"));
        zk.addAuthInfo("digest", Reading.bytes("nobody"));
        zk.addAuthInfo("digest", Reading.bytes("a:b:c"));
        zk.addAuthInfo("digest", Reading.bytes("super:guess"));
        zk.addAuthInfo("ip", new byte[0]);
        transcript.say("who with many", who(zk, transcript));
    }

    private static void permissions(
            Handle owner, Handle stranger, Transcript transcript, int perms) throws Exception {
        String path = "/acl/perm" + perms;
        String kid = path + "/kid";
        List<ACL> acl =
                Arrays.asList(
                        new ACL(Perms.ALL, new Id("digest", Digests.of("mia:secret"))),
                        new ACL(perms, new Id("world", "anyone")));
        owner.create(path, Reading.bytes("x"), acl, CreateMode.PERSISTENT);
        owner.create(kid, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        String what = "world has " + perms + ", ";
        transcript.step(what + "getData", () -> stranger.getData(path, false, null));
        transcript.step(what + "getChildren", () -> stranger.sortedChildren(path));
        transcript.step(what + "number", () -> stranger.getAllChildrenNumber(path));
        transcript.step(what + "getACL", () -> stranger.getACL(path, null));
        transcript.step(what + "setData", () -> stranger.setData(path, null, 7));
        transcript.step(
                what + "create",
                () ->
                        stranger.create(
                                path + "/new", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));
        transcript.step(
                what + "create again",
                () -> stranger.create(kid, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        transcript.step(
                what + "delete of a child",
                () -> {
                    stranger.delete(kid, -1);
                    return "gone";
                });
        transcript.step(
                what + "delete of no child",
                () -> {
                    stranger.delete(path + "/none", -1);
                    return "gone";
                });
        transcript.step(what + "setACL", () -> stranger.setACL(path, acl, 7));
        transcript.step("the owner reads", () -> owner.getACL(path, null));
    }

    private static void matching(Handle owner, Handle stranger, Transcript transcript)
            throws Exception {
        transcript.step(
                "create with all identities",
                () -> owner.create("/acl/mine", null, CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        List<ACL> stored = new ArrayList<>(owner.getACL("/acl/mine", null));
        // An identity set has no order of its own.
        stored.sort((left, right) -> left.getId().getId().compareTo(right.getId().getId()));
        transcript.say("became", stored);
        transcript.step("a stranger", () -> stranger.getData("/acl/mine", false, null));
        stranger.addAuthInfo("digest", Reading.bytes("leo:wrong"));
        transcript.step("a wrong password", () -> stranger.getData("/acl/mine", false, null));
        stranger.addAuthInfo("digest", Reading.bytes("leo:secret"));
        transcript.step("the right password", () -> stranger.getData("/acl/mine", false, null));
        String[] networks = {"127.0.0.1", "127.0.0.1/32", "127.9.9.9/8", "10.0.0.1", "0.0.0.0/0"};
        for (String network : networks) {
            String path = "/acl/ip " + network.replace('/', '_');
            List<ACL> acl = Arrays.asList(new ACL(Perms.READ, new Id("ip", network)));
            owner.create(path, null, acl, CreateMode.PERSISTENT);
            transcript.step("ip " + network, () -> stranger.getACL(path, null));
        }
    }

    /** Events of nodes that the watcher may not read are kept from it; closes the owner. */
    private static void hiddenEvents(Handle owner, Handle stranger, Transcript transcript)
            throws Exception {
        Handle watching = stranger;
        watching.addWatch("/acl", watching.events, AddWatchMode.PERSISTENT_RECURSIVE);
        watching.settledEvents();
        List<ACL> closed =
                Arrays.asList(new ACL(Perms.ALL, new Id("digest", Digests.of("mia:secret"))));
        owner.create("/acl/hidden", null, closed, CreateMode.PERSISTENT);
        owner.setData("/acl/hidden", null, -1);
        owner.create("/acl/hidden/open", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        transcript.list("events of a hidden node", watching.settledEvents());
        owner.setACL("/acl/hidden", OPEN_ACL_UNSAFE, -1);
        owner.setData("/acl/hidden", null, -1);
        transcript.list("events of a node shown again", watching.settledEvents());
        watching.getData("/acl/hidden", watching.events, null);
        watching.getChildren("/acl/hidden", watching.events);
        owner.setACL("/acl/hidden", closed, -1);
        owner.delete("/acl/hidden/open", -1);
        owner.delete("/acl/hidden", -1);
        transcript.list("events of a node hidden since", watching.settledEvents());
        owner.create("/acl/hidden", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        owner.create("/acl/hidden/eph", null, closed, CreateMode.EPHEMERAL);
        watching.addWatch("/acl/hidden", watching.events, AddWatchMode.PERSISTENT);
        owner.multi(
                Arrays.asList(
                        Op.setData("/acl/hidden/eph", null, -1),
                        Op.delete("/acl/hidden/eph", -1),
                        Op.create("/acl/hidden/eph", null, closed, CreateMode.EPHEMERAL),
                        Op.create(
                                "/acl/hidden/open", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL)));
        transcript.list("events of a multi on a hidden node", watching.settledEvents());
        owner.close();
        List<String> last = watching.settledEvents();
        // The nodes of one session end in no promised order.
        last.sort(null);
        transcript.list("events of hidden ephemerals at their session's end", last);
    }

    private static void refusedScheme(String address, Transcript transcript) throws Exception {
        for (String scheme : new String[] {"nosuch", "world", "sasl"}) {
            Handle zk = Handle.open(address);
            zk.addAuthInfo(scheme, Reading.bytes("x"));
            transcript.list(
                    "auth by " + scheme, zk.events.takeUntilState(KeeperState.AuthFailed));
            transcript.step("then a read", () -> zk.exists("/", false));
            zk.close();
        }
    }
}
