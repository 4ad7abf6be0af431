package main

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// How long a state or an event may take to come; it is never waited for in full.
const patience = 30 * time.Second

// guid is what the library puts into names of nodes that it may have to find again.
var guid = regexp.MustCompile("[0-9a-f]{32}")

// client is one session with the server, over connections that can be cut.
type client struct {
	*zk.Conn
	name string
	line *link

	mu      sync.Mutex
	changed *sync.Cond
	// All session states so far, in the order the library told them.
	states []zk.State
}

// onlyHost provides one server without the second of pause that the library makes when
// it has tried all it knows: dialing stands still while a link is cut, so nothing spins.
type onlyHost struct{ server string }

func (h *onlyHost) Init(servers []string) error { h.server = servers[0]; return nil }
func (h *onlyHost) Len() int                    { return 1 }
func (h *onlyHost) Next() (string, bool)        { return h.server, false }
func (h *onlyHost) Connected()                  {}

type silent struct{}

func (silent) Printf(string, ...interface{}) {}

func say(format string, args ...interface{}) {
	fmt.Printf(format+"\n", args...)
}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// connect opens a session and waits until it is there.
func connect(name, address string, timeout time.Duration) *client {
	c := &client{name: name, line: newLink()}
	c.changed = sync.NewCond(&c.mu)
	conn, events, err := zk.Connect([]string{address}, timeout,
		zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithHostProvider(&onlyHost{}),
		zk.WithDialer(c.line.dial), zk.WithEventCallback(c.note))
	if err != nil {
		fail("%s: connect: %v", name, err)
	}
	c.Conn = conn
	go func() {
		// The channel tells the same as the callback, but must not fill up.
		for range events {
		}
	}()
	c.await(zk.StateHasSession, 0)
	return c
}

func (c *client) note(event zk.Event) {
	if event.Type != zk.EventSession {
		return
	}
	c.mu.Lock()
	c.states = append(c.states, event.State)
	c.changed.Broadcast()
	c.mu.Unlock()
}

// mark is how many states there were until now: a place to await later ones from.
func (c *client) mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.states)
}

// await waits until the library told state, not counting the first `after` ones.
func (c *client) await(state zk.State, after int) {
	timer := time.AfterFunc(patience, func() {
		fail("%s: state %v did not come; there were %v", c.name, state, c.states)
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, seen := range c.states[min(after, len(c.states)):] {
			if seen == state {
				return
			}
		}
		c.changed.Wait()
	}
}

func (c *client) stat(s *zk.Stat) {
	owner := "none"
	if s.EphemeralOwner != 0 {
		owner = "another"
		if s.EphemeralOwner == c.SessionID() {
			owner = "me"
		}
	}
	times := "sane"
	if s.Ctime > s.Mtime || (s.Czxid == s.Mzxid && s.Ctime != s.Mtime) {
		times = "wrong"
	}
	say("  stat version=%d cversion=%d aversion=%d dataLength=%d numChildren=%d owner=%s "+
		"mzxid%sczxid pzxid%sczxid pzxid%smzxid times %s",
		s.Version, s.Cversion, s.Aversion, s.DataLength, s.NumChildren, owner,
		relation(s.Mzxid, s.Czxid), relation(s.Pzxid, s.Czxid), relation(s.Pzxid, s.Mzxid), times)
}

func relation(a, b int64) string {
	if a == b {
		return "="
	} else if a > b {
		return ">"
	}
	return "<"
}

// sorted joins names whose order the server does not promise.
func sorted(names []string) string {
	ordered := []string{}
	for _, name := range names {
		ordered = append(ordered, guid.ReplaceAllString(name, "#"))
	}
	sort.Strings(ordered)
	return fmt.Sprintf("%d names: %s", len(ordered), strings.Join(ordered, " "))
}

func acls(list []zk.ACL) string {
	texts := []string{}
	for _, acl := range list {
		texts = append(texts, fmt.Sprintf("%d %s:%s", acl.Perms, acl.Scheme, acl.ID))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// outcome is "ok" or what the library makes of the server's error code.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func show(event zk.Event) string {
	text := fmt.Sprintf("%v on %s, %v", event.Type, event.Path, event.State)
	if event.Err != nil {
		text += ", " + event.Err.Error()
	}
	return text
}

// seen says what came on a watch's channel because of what was done so far. The answer
// to the sync travels behind the events, so nothing has to be waited for.
func (c *client) seen(what string, events <-chan zk.Event) {
	if _, err := c.Sync("/"); err != nil {
		fail("%s: sync: %v", c.name, err)
	}
	select {
	case event, open := <-events:
		if !open {
			say("  %s: closed", what)
			return
		}
		say("  %s: %s", what, show(event))
	default:
		say("  %s: no event", what)
	}
}

// comes waits for an event that does come, at a time that is the library's choice.
func (c *client) comes(what string, events <-chan zk.Event) {
	select {
	case event := <-events:
		say("  %s: %s", what, show(event))
	case <-time.After(patience):
		fail("%s: %s: no event", c.name, what)
	}
}

// link is the dialer of a client: its connections can be cut, and dialing stands still
// until the link is mended.
type link struct {
	mu    sync.Mutex
	whole *sync.Cond
	isCut bool
	conns []net.Conn
}

func newLink() *link {
	l := &link{}
	l.whole = sync.NewCond(&l.mu)
	return l
}

func (l *link) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.isCut {
		l.whole.Wait()
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
	l.whole.Broadcast()
}
