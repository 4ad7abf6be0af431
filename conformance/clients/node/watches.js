'use strict';

// Watches, sessions, and watches over a lost connection.

const net = require('node:net');

const { ACL, CreateMode, State } = require('node-zookeeper-client');
const { Session, say } = require('./transcript.js');

const data = (value) => Buffer.from(value);

async function watches(address) {
  const s = await new Session('watcher', address).open();
  const o = await new Session('worker', address).open();
  say('== watches, events where they came');
  await s.create('/w', data('x'));
  await s.get('/w', s.watcher);
  await s.get('/w', s.other);
  await s.children('/w', s.watcher);
  await s.exists('/w/later', s.watcher);
  await s.set('/w', data('y'));
  await s.set('/w', data('unseen'));
  await s.create('/w/later', data('x'));
  await s.create('/w/unseen', data('x'));
  await s.exists('/w/later', s.watcher);
  await s.get('/w/later', s.other);
  await s.children('/w/later', s.watcher);
  await s.remove('/w/later');
  await s.get('/w/missing', s.watcher);
  await s.children('/w/missing', s.watcher);
  await s.create('/w/missing', data('x'));
  await s.exists('/w/missing', s.watcher);
  await s.children('/w', s.watcher);
  await s.commit('with events', s.client.transaction()
    .setData('/w/missing', data('t')).create('/w/t1').remove('/w/t1'));
  say('== watches on what others do');
  await s.get('/w', s.watcher);
  await s.children('/w', s.watcher);
  s.hold();
  await o.create('/w/eph', CreateMode.EPHEMERAL);
  await o.set('/w', data('by another'));
  await s.release();
  await s.exists('/w/eph', s.watcher);
  await s.children('/w', s.watcher);
  s.hold();
  await o.close();
  await s.release();
  await s.close();
}

async function chroot(address) {
  const s = await new Session('jailed', `${address}/w`).open();
  say('== below a chroot');
  await s.create('/inside', data('x'));
  await s.children('/', s.watcher);
  await s.get('/inside', s.other);
  await s.set('/inside', data('y'));
  await s.remove('/inside');
  await s.exists('/zookeeper');
  await s.commit('inside', s.client.transaction().create('/one').create('/one/two'));
  await s.children('/one');
  await s.close();
}

function order(control, what) {
  return new Promise((resolve, reject) => {
    const [host, port] = control.split(':');
    const conn = net.connect(Number(port), host, () => conn.write(`${what}\n`));
    conn.once('data', () => {
      conn.destroy();
      say(`link: ${what}`);
      resolve();
    });
    conn.once('error', reject);
  });
}

async function sessions(address, link, control) {
  say('== sessions');
  const first = await new Session('first', link, { sessionTimeout: 1000 }).open();
  say(`asked for 1000 ms, got ${first.client.getSessionTimeout()}`);
  await first.create('/s');
  await first.create('/s/eph', CreateMode.EPHEMERAL);
  const sessionId = first.client.getSessionId();
  const sessionPassword = first.client.getSessionPassword();
  // Two connections of one session would push each other out for ever.
  await order(control, 'cut');
  await first.reach(State.DISCONNECTED);
  const thief = await new Session('thief', address, {
    sessionId, sessionPassword: Buffer.alloc(16, 'x'),
  }).open();
  say(`with a wrong password: ${thief.states}`);
  await thief.exists('/s');
  const second = await new Session('second', address, {
    sessionId, sessionPassword, sessionTimeout: 1000000,
  }).open();
  say(`same session: ${second.client.getSessionId().equals(sessionId)}, `
    + `timeout ${second.client.getSessionTimeout()}`);
  await second.exists('/s/eph');
  await second.close();
  await order(control, 'mend');
  await first.reach(State.EXPIRED);
  say(`first, after second closed the session: ${first.client.getState()}`);
  const after = await new Session('after', address).open();
  await after.exists('/s/eph');
  const late = await new Session('late', address, { sessionId, sessionPassword }).open();
  say(`after the end of the session: ${late.states}`);
  await late.exists('/s');
  await after.close();
}

async function reconnect(address, link, control) {
  const s = await new Session('watcher', link, { sessionTimeout: 10000 }).open();
  const o = await new Session('worker', address).open();
  say('== watches over a lost connection');
  s.client.addAuthInfo('digest', data('ann:secret'));
  for (const path of ['/n', '/n/set', '/n/same', '/n/gone', '/n/kids']) {
    await s.create(path, data('x'));
  }
  await s.create('/n/eph', CreateMode.EPHEMERAL);
  for (const path of ['/n', '/n/set', '/n/same', '/n/gone']) {
    await s.get(path, s.watcher);
  }
  for (const path of ['/n', '/n/gone', '/n/kids']) {
    await s.children(path, s.other);
  }
  await s.exists('/n/new', s.watcher);
  await s.exists('/n/never', s.watcher);
  s.hold();
  const id = s.client.getSessionId();
  await order(control, 'cut');
  await s.reach(State.DISCONNECTED);
  await o.set('/n/set', data('y'));
  await o.remove('/n/gone');
  await o.create('/n/new', data('x'));
  await o.exists('/n/eph');
  await order(control, 'mend');
  await s.reach(State.SYNC_CONNECTED);
  say(`same session: ${s.client.getSessionId().equals(id)}`);
  await s.releaseSorted();
  say('== watches that outlived the connection');
  s.hold();
  await o.set('/n/same', data('z'));
  await o.create('/n/never', data('x'));
  await o.create('/n/kids/one', data('x'));
  await o.set('/n', data('z'));
  await s.releaseSorted();
  await s.exists('/n/eph');
  await s.create('/n/private', data('x'), ACL.CREATOR_ALL_ACL);
  await s.acl('/n/private');
  await s.close();
  await o.exists('/n/eph');
  await o.close();
}

module.exports = [watches, chroot, sessions, reconnect];
