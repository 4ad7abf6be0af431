// A scripted job on github.com/go-zookeeper/zk that prints what it saw.
//
// The argument is the server's address. Exit status 1 with a message on standard error
// means that the job could not be done, not that a server is wrong.
package main

import "os"

func main() {
	if len(os.Args) != 2 {
		fail("usage: %s SERVER (host:port)", os.Args[0])
	}
	address := os.Args[1]
	jobCreate(address)
	jobReadWrite(address)
	jobAccess(address)
	jobMulti(address)
	jobWatch(address)
	jobServer(address)
	jobLock(address)
	jobReconnect(address)
	jobExpiry(address)
}
