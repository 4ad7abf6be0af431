'use strict';

// A session with the server that prints what it does and what comes of it.
//
// Node runs callbacks in the order in which the server's messages come, so an event that
// is printed when it arrives stands where the server put it among the replies.

const zookeeper = require('node-zookeeper-client');

const { State } = zookeeper;

// How long anything is waited for before the job gives up; never waited for in full.
const PATIENCE_MS = 30000;

function say(line) {
  process.stdout.write(`${line}\n`);
}

function outcome(error) {
  if (!error) {
    return 'ok';
  }
  // The library refuses bad arguments with assertions, which have a code of their own.
  return error.name && typeof error.code === 'number'
    ? `${error.name}[${error.code}]`
    : `refused by the library: ${error.message}`;
}

function relation(a, b) {
  return ['<', '=', '>'][Buffer.compare(a, b) + 1];
}

function text(data) {
  if (data === undefined || data === null) {
    return 'null';
  }
  return data.length > 100 ? `${data.length} bytes` : JSON.stringify(data.toString());
}

class Session {
  constructor(name, address, options) {
    this.name = name;
    this.client = zookeeper.createClient(address, { spinDelay: 50, ...options });
    this.states = [];
    this.events = [];
    // Events are printed as they come unless another session makes the changes: then
    // nobody promises their place among that session's replies.
    this.printing = true;
    this.client.on('state', (state) => this.states.push(state.getName()));
    this.watcher = (event) => this.note(`event ${event}`);
    this.other = (event) => this.note(`other event ${event}`);
  }

  note(line) {
    if (this.printing) {
      say(`  ${line}`);
    } else {
      this.events.push(line);
    }
  }

  // Connects and waits for one of the states that end the attempt.
  async open() {
    this.client.connect();
    await this.reach(State.SYNC_CONNECTED, State.EXPIRED, State.AUTH_FAILED);
    return this;
  }

  reach(...states) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        process.stderr.write(`${this.name}: ${states} did not come; there were ${this.states}\n`);
        process.exit(1);
      }, PATIENCE_MS);
      const look = () => {
        if (states.includes(this.client.getState())) {
          clearTimeout(timer);
          this.client.removeListener('state', look);
          resolve();
        }
      };
      this.client.on('state', look);
      look();
    });
  }

  // Calls a method of the library; gives [error, ...results] whether it throws or calls back.
  call(method, ...args) {
    return new Promise((resolve) => {
      try {
        this.client[method](...args, (...results) => resolve(results));
      } catch (error) {
        resolve([error]);
      }
    });
  }

  async close() {
    this.client.close();
    await this.reach(State.DISCONNECTED);
    say(`close ${this.name}`);
  }

  // A read whose reply travels behind the events of all that has happened.
  async fence() {
    await this.call('exists', '/');
  }

  // From here on events are kept until they are asked for.
  hold() {
    this.printing = false;
  }

  // Prints the events of all that has happened, in the order they came.
  async release() {
    await this.fence();
    this.events.forEach((line) => say(`  ${line}`));
    this.events = [];
    this.printing = true;
  }

  // The same, sorted: for events whose order nobody promises.
  async releaseSorted() {
    await this.fence();
    this.events.sort();
    await this.release();
  }

  stat(s) {
    const none = s.ephemeralOwner.equals(Buffer.alloc(8));
    const mine = s.ephemeralOwner.equals(this.client.getSessionId());
    const sane = relation(s.ctime, s.mtime) !== '>'
      && (relation(s.czxid, s.mzxid) !== '=' || relation(s.ctime, s.mtime) === '=');
    say(`  stat version=${s.version} cversion=${s.cversion} aversion=${s.aversion} `
      + `dataLength=${s.dataLength} numChildren=${s.numChildren} `
      + `owner=${none ? 'none' : mine ? 'me' : 'another'} `
      + `mzxid${relation(s.mzxid, s.czxid)}czxid pzxid${relation(s.pzxid, s.czxid)}czxid `
      + `pzxid${relation(s.pzxid, s.mzxid)}mzxid times ${sane ? 'sane' : 'wrong'}`);
  }

  async create(path, ...args) {
    const [error, made] = await this.call('create', path, ...args);
    say(`create ${path} -> ${outcome(error)} ${made || ''}`);
  }

  async remove(path, version = -1) {
    const [error] = await this.call('remove', path, version);
    say(`remove ${path} version ${version} -> ${outcome(error)}`);
  }

  async set(path, data, version = -1) {
    const [error, stat] = await this.call('setData', path, data, version);
    say(`set ${path} version ${version} -> ${outcome(error)}`);
    if (!error) {
      this.stat(stat);
    }
  }

  async get(path, watcher) {
    const [error, data, stat] = await this.call('getData', path, ...(watcher ? [watcher] : []));
    say(`get ${path} -> ${outcome(error)} ${error ? '' : text(data)}`);
    if (!error) {
      this.stat(stat);
    }
  }

  async exists(path, watcher) {
    const [error, stat] = await this.call('exists', path, ...(watcher ? [watcher] : []));
    say(`exists ${path} -> ${outcome(error)} ${stat ? 'yes' : 'no'}`);
    if (stat) {
      this.stat(stat);
    }
  }

  async children(path, watcher) {
    const [error, names, stat] = await this.call(
      'getChildren', path, ...(watcher ? [watcher] : []),
    );
    say(`children ${path} -> ${outcome(error)} ${error ? '' : names.sort().join(' ')}`);
    if (!error) {
      this.stat(stat);
    }
  }

  async acl(path) {
    const [error, list, stat] = await this.call('getACL', path);
    const shown = error ? [] : list.map((a) => `${a.permission} ${a.id.scheme}:${a.id.id}`);
    say(`acl of ${path} -> ${outcome(error)} ${shown.join(', ')}`);
    if (!error) {
      this.stat(stat);
    }
  }

  async setAcl(path, list, version = -1) {
    const [error, stat] = await this.call('setACL', path, list, version);
    say(`set acl of ${path} version ${version} -> ${outcome(error)}`);
    if (!error) {
      this.stat(stat);
    }
  }

  commit(title, transaction) {
    return new Promise((resolve) => {
      transaction.commit((error, results) => {
        say(`transaction ${title} -> ${outcome(error)}`);
        (results || []).forEach((result, i) => {
          say(`  ${i}: type ${result.type} err ${result.err} path ${result.path}`);
          if (result.stat) {
            this.stat(result.stat);
          }
        });
        resolve();
      });
    });
  }
}

module.exports = { Session, outcome, say };
