package main

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

func (c *client) watchData(path string) <-chan zk.Event {
	_, _, events, err := c.GetW(path)
	say("watch data of %s -> %s", path, outcome(err))
	return events
}

func (c *client) watchExists(path string) <-chan zk.Event {
	there, _, events, err := c.ExistsW(path)
	say("watch existence of %s -> %s %v", path, outcome(err), there)
	return events
}

func (c *client) watchChildren(path string) <-chan zk.Event {
	names, _, events, err := c.ChildrenW(path)
	say("watch children of %s -> %s %s", path, outcome(err), sorted(names))
	return events
}

func jobWatch(address string) {
	c := connect("watcher", address, 10*time.Second)
	defer c.Close()
	say("== watches")
	c.create("/w", "x", zk.FlagPersistent, open)
	data, kids := c.watchData("/w"), c.watchChildren("/w")
	again := c.watchData("/w")
	later := c.watchExists("/w/later")
	c.seen("data", data)
	c.set("/w", "y", -1)
	c.seen("data", data)
	c.seen("data again", again)
	c.seen("data, afterwards", data)
	c.seen("children", kids)
	c.create("/w/later", "x", zk.FlagPersistent, open)
	c.seen("children", kids)
	c.seen("existence", later)
	gone, kid, none := c.watchExists("/w/later"), c.watchChildren("/w/later"), c.watchData("/w")
	c.del("/w/later", -1)
	c.seen("existence", gone)
	c.seen("children of the deleted", kid)
	c.seen("data of the parent", none)
	c.watchData("/w/missing")
	c.watchChildren("/w/missing")
	never := c.watchExists("/w/never")
	c.multi("that creates and deletes",
		&zk.CreateRequest{Path: "/w/never", Acl: open},
		&zk.DeleteRequest{Path: "/w/never", Version: -1})
	c.seen("existence", never)
	acl := c.watchData("/w")
	_, err := c.SetACL("/w", open, -1)
	say("set acl -> %s", outcome(err))
	c.seen("data after set acl", acl)
}

// jobServer asks with four letter words and prints what the library's parsers make of it.
func jobServer(address string) {
	say("== four letter words")
	c := connect("counted", address, 12*time.Second)
	defer c.Close()
	c.exists("/g")
	say("FLWRuok -> %v", zk.FLWRuok([]string{address}, patience))
	stats, ok := zk.FLWSrvr([]string{address}, patience)
	for _, s := range stats {
		say("FLWSrvr -> %v, error %v, mode %v, %d nodes, epoch %d, outstanding %d", ok, s.Error,
			s.Mode, s.NodeCount, s.Epoch, s.Outstanding)
		say("  has version %v, build time %v, connections %v, received %v, sent %v, counter %v",
			s.Version != "", !s.BuildTime.IsZero(), s.Connections > 0, s.Received > 0, s.Sent > 0,
			s.Counter > 0)
	}
	clients, ok := zk.FLWCons([]string{address}, patience)
	for _, list := range clients {
		lines := []string{}
		for _, one := range list.Clients {
			// Other sessions of this run may still be on their way out.
			if one.SessionID == c.SessionID() {
				lines = append(lines, fmt.Sprintf("queued %d, timeout %d, last operation %s, "+
					"lcxid %v, address %v, established %v, latencies %v", one.Queued, one.Timeout,
					one.LastOperation, one.Lcxid > 0, strings.HasPrefix(one.Addr, "127.0.0.1:"),
					!one.Established.IsZero(), one.MinLatency <= one.MaxLatency))
			}
		}
		say("FLWCons -> %v, error %v, mine: %s", ok, list.Error, strings.Join(lines, "; "))
	}
}

func jobLock(address string) {
	say("== lock")
	first := connect("first", address, 10*time.Second)
	second := connect("second", address, 10*time.Second)
	defer second.Close()
	one, two := zk.NewLock(first.Conn, "/locks/a", open), zk.NewLock(second.Conn, "/locks/a", open)
	say("unlock before lock -> %s", outcome(one.Unlock()))
	say("first lock -> %s", outcome(one.Lock()))
	say("first lock again -> %s", outcome(one.Lock()))
	queued := second.watchChildren("/locks/a")
	got := make(chan error)
	go func() { got <- two.LockWithData([]byte("who has it")) }()
	// The second contender stands in the queue as soon as its node is there.
	second.comes("second queues", queued)
	second.contenders()
	select {
	case err := <-got:
		say("second got the lock too early: %s", outcome(err))
	default:
		say("second waits")
	}
	say("first unlock -> %s", outcome(one.Unlock()))
	say("second lock -> %s", outcome(<-got))
	second.contenders()
	// A lock whose owner's session ends is free.
	third := zk.NewLock(first.Conn, "/locks/a", open)
	queued = first.watchChildren("/locks/a")
	go func() { got <- third.Lock() }()
	first.comes("third queues", queued)
	second.Close()
	say("third lock, when the owner has left -> %s", outcome(<-got))
	first.contenders()
	say("third unlock -> %s", outcome(third.Unlock()))
	first.contenders()
	first.Close()
}

// contenders prints the lock's queue with the data of each node.
func (c *client) contenders() {
	names, _, err := c.Children("/locks/a")
	lines := []string{}
	for _, name := range names {
		data, _, _ := c.Get("/locks/a/" + name)
		lines = append(lines, fmt.Sprintf("%s %q", guid.ReplaceAllString(name, "#"), data))
	}
	sort.Strings(lines)
	say("queue -> %s %s", outcome(err), strings.Join(lines, ", "))
}
