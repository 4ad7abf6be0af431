'use strict';

// A scripted job on node-zookeeper-client that prints what it saw.
//
// Arguments: the server's address, the address of a proxy to it, and the address where
// the proxy takes orders (conformance/clients/c/link.py). An exit status other than 0
// means that the job could not be done, not that a server is wrong.

const nodes = require('./nodes.js');
const watches = require('./watches.js');

async function main([address, link, control]) {
  if (!control) {
    throw new Error('usage: job.js SERVER LINK CONTROL (each host:port)');
  }
  for (const part of [...nodes, ...watches]) {
    await part(address, link, control);
  }
}

main(process.argv.slice(2)).then(
  // Sessions that were refused keep timers of the library; nothing is left to be done.
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
