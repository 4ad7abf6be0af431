package main

import (
	"time"

	"github.com/go-zookeeper/zk"
)

var open = zk.WorldACL(zk.PermAll)

func (c *client) create(path, data string, flags int32, acl []zk.ACL) {
	made, err := c.Create(path, []byte(data), flags, acl)
	say("create %s flags %d -> %s %s", path, flags, outcome(err), made)
}

func (c *client) get(path string) {
	data, stat, err := c.Get(path)
	say("get %s -> %s %q", path, outcome(err), data)
	if err == nil {
		c.stat(stat)
	}
}

func (c *client) set(path, data string, version int32) {
	stat, err := c.Set(path, []byte(data), version)
	say("set %s version %d -> %s", path, version, outcome(err))
	if err == nil {
		c.stat(stat)
	}
}

func (c *client) exists(path string) {
	there, stat, err := c.Exists(path)
	say("exists %s -> %s %v", path, outcome(err), there)
	if there && err == nil {
		c.stat(stat)
	}
}

func (c *client) children(path string) {
	names, stat, err := c.Children(path)
	say("children %s -> %s %s", path, outcome(err), sorted(names))
	if err == nil {
		c.stat(stat)
	}
}

func (c *client) del(path string, version int32) {
	say("delete %s version %d -> %s", path, version, outcome(c.Delete(path, version)))
}

func jobCreate(address string) {
	c := connect("creator", address, 10*time.Second)
	defer c.Close()
	say("== create")
	c.create("/g", "root", zk.FlagPersistent, open)
	c.create("/g/empty", "", zk.FlagPersistent, open)
	c.create("/g/eph", "mine", zk.FlagEphemeral, open)
	c.create("/g/seq-", "1", zk.FlagSequence, open)
	c.create("/g/eseq-", "2", zk.FlagEphemeral|zk.FlagSequence, open)
	c.create("/g/flag-box", "3", zk.FlagContainer, open)
	made, err := c.CreateContainer("/g/box", []byte("4"), zk.FlagContainer, open)
	say("create container -> %s %s", outcome(err), made)
	_, err = c.CreateContainer("/g/box", []byte("4"), zk.FlagEphemeral, open)
	say("create container with another flag -> %s", outcome(err))
	for _, flag := range []int32{zk.FlagTTL, zk.FlagPersistentSequentialWithTTL, zk.FlagEphemeral} {
		made, err = c.CreateTTL("/g/ttl-", []byte("5"), flag, open, time.Hour)
		say("create with TTL, flag %d -> %s %s", flag, outcome(err), made)
	}
	made, err = c.CreateTTL("/g/ttl0", []byte("6"), zk.FlagTTL, open, 0)
	say("create with TTL 0 -> %s %s", outcome(err), made)
	made, err = c.CreateProtectedEphemeralSequential("/g/safe-", []byte("7"), open)
	say("create protected -> %s %s", outcome(err), guid.ReplaceAllString(made, "#"))
	c.create("/g", "again", zk.FlagPersistent, open)
	c.create("/g/no/parent", "x", zk.FlagPersistent, open)
	c.create("/g/eph/child", "x", zk.FlagPersistent, open)
	c.create("relative", "x", zk.FlagPersistent, open)
	c.create("/g//double", "x", zk.FlagPersistent, open)
	c.create("/g/\U0001F995", "x", zk.FlagPersistent, open)
	c.create("/g/flags", "x", zk.FlagTTL, open)
	c.create("/g/acl", "x", zk.FlagPersistent, nil)
	c.create("/g/auth", "x", zk.FlagPersistent, zk.AuthACL(zk.PermAll))
	c.get("/g/flag-box")
	c.exists("/g/box")
	c.exists("/g/eph")
}

func jobReadWrite(address string) {
	c := connect("writer", address, 10*time.Second)
	defer c.Close()
	say("== read and write")
	c.children("/")
	c.children("/g")
	c.children("/g/missing")
	c.get("/g")
	c.get("/g/empty")
	c.get("/g/missing")
	c.exists("/g/missing")
	c.exists("/zookeeper")
	c.set("/g", "first", -1)
	c.set("/g", "second", 1)
	c.set("/g", "stale", 1)
	c.set("/g/missing", "x", -1)
	c.del("/g", -1)
	c.del("/g", 7)
	c.del("/g/empty", 3)
	c.del("/g/empty", 0)
	c.del("/g/missing", -1)
	c.del("/zookeeper/config", -1)
	path, err := c.Sync("/g")
	say("sync -> %s %s", outcome(err), path)
	path, err = c.Sync("/g/missing")
	say("sync of a missing node -> %s %s", outcome(err), path)
	_, err = c.IncrementalReconfig([]string{"server.2=127.0.0.1:1:2;3"}, nil, -1)
	say("incremental reconfig -> %s", outcome(err))
	_, err = c.Reconfig([]string{"server.1=127.0.0.1:1:2;3"}, -1)
	say("reconfig -> %s", outcome(err))
	c.get("/zookeeper/config")
	say("== a value over the limit")
	before := c.mark()
	id := c.SessionID()
	_, err = c.Set("/g", make([]byte, 1<<20), -1)
	say("set -> %s", outcome(err))
	c.await(zk.StateHasSession, before)
	say("same session: %v", c.SessionID() == id)
	c.get("/g")
}

func jobAccess(address string) {
	c := connect("ann", address, 10*time.Second)
	say("== access")
	say("addAuth -> %s", outcome(c.AddAuth("digest", []byte("ann:secret"))))
	c.create("/a", "x", zk.FlagPersistent, open)
	c.create("/a/private", "hidden", zk.FlagPersistent, zk.AuthACL(zk.PermAll))
	c.create("/a/shown", "shown", zk.FlagPersistent,
		append(zk.WorldACL(zk.PermRead), zk.DigestACL(zk.PermAll, "ann", "secret")...))
	c.create("/a/twice", "x", zk.FlagPersistent, append(open, open...))
	for _, path := range []string{"/a", "/a/private", "/a/shown", "/a/twice", "/a/missing"} {
		c.acl(path)
	}
	stat, err := c.SetACL("/a/twice", zk.WorldACL(zk.PermRead|zk.PermAdmin), 0)
	say("set acl -> %s", outcome(err))
	c.stat(stat)
	_, err = c.SetACL("/a/twice", open, 0)
	say("set acl with a stale version -> %s", outcome(err))
	_, err = c.SetACL("/a/twice", []zk.ACL{{Perms: 31, Scheme: "nosuch", ID: "x"}}, -1)
	say("set acl of no scheme -> %s", outcome(err))
	c.acl("/a/twice")
	c.Close()
	d := connect("stranger", address, 10*time.Second)
	defer d.Close()
	d.get("/a/private")
	d.set("/a/private", "x", -1)
	d.set("/a/twice", "x", -1)
	d.children("/a/private")
	d.create("/a/private/x", "x", zk.FlagPersistent, open)
	d.get("/a/shown")
	d.set("/a/shown", "x", -1)
	d.acl("/a/private")
	d.acl("/a/shown")
	before := d.mark()
	say("addAuth of no scheme -> %s", outcome(d.AddAuth("nosuch", []byte("x"))))
	d.await(zk.StateHasSession, before)
	say("addAuth of another -> %s", outcome(d.AddAuth("digest", []byte("bob:secret"))))
	d.get("/a/private")
	say("addAuth -> %s", outcome(d.AddAuth("digest", []byte("ann:secret"))))
	d.get("/a/private")
	d.exists("/a/private")
	d.del("/a/private", -1)
}

func (c *client) acl(path string) {
	list, stat, err := c.GetACL(path)
	say("get acl %s -> %s %s", path, outcome(err), acls(list))
	if err == nil {
		c.stat(stat)
	}
}

func (c *client) multi(title string, ops ...interface{}) {
	results, err := c.Multi(ops...)
	say("multi %s -> %s", title, outcome(err))
	for i, result := range results {
		say("  %d: %s %s", i, outcome(result.Error), result.String)
		if result.Stat != nil {
			c.stat(result.Stat)
		}
	}
}

func jobMulti(address string) {
	c := connect("multi", address, 10*time.Second)
	defer c.Close()
	say("== multi")
	c.multi("of creates, set and check",
		&zk.CreateRequest{Path: "/m", Data: []byte("m"), Acl: open},
		&zk.CreateRequest{Path: "/m/seq-", Acl: open, Flags: zk.FlagSequence},
		&zk.CreateRequest{Path: "/m/eph", Acl: open, Flags: zk.FlagEphemeral},
		&zk.SetDataRequest{Path: "/m", Data: []byte("set"), Version: 0},
		&zk.CheckVersionRequest{Path: "/m", Version: 1})
	c.multi("with a delete",
		&zk.DeleteRequest{Path: "/m/eph", Version: 0},
		&zk.CreateRequest{Path: "/m/eph", Acl: open})
	c.multi("with a stale check",
		&zk.CreateRequest{Path: "/m/lost", Acl: open},
		&zk.CheckVersionRequest{Path: "/m", Version: 9},
		&zk.DeleteRequest{Path: "/m/eph", Version: -1})
	c.multi("with a missing node", &zk.DeleteRequest{Path: "/m/missing", Version: -1})
	c.multi("with a bad path", &zk.CreateRequest{Path: "/m//x", Acl: open})
	c.multi("with a bad acl", &zk.CreateRequest{Path: "/m/x"})
	c.multi("of nothing")
	c.multi("of something else", "text")
	c.children("/m")
}
