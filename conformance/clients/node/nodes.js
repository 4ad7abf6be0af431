'use strict';

// Creating, reading, writing and removing nodes, transactions, and who may do what.

const { ACL, CreateMode, Id, Permission, State } = require('node-zookeeper-client');
const { Session, outcome, say } = require('./transcript.js');

const data = (value) => Buffer.from(value);

async function create(address) {
  const s = await new Session('creator', address).open();
  say('== create');
  await s.create('/j', data('root'));
  await s.create('/j/null');
  await s.create('/j/empty', data(''));
  await s.create('/j/eph', data('mine'), CreateMode.EPHEMERAL);
  await s.create('/j/seq-', CreateMode.PERSISTENT_SEQUENTIAL);
  await s.create('/j/eseq-', data('x'), ACL.READ_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
  await s.create('/j/eseq-', data('y'), CreateMode.EPHEMERAL_SEQUENTIAL);
  await s.create('/j/h\u00e9', data('\u00e9'));
  await s.create('/j', data('again'));
  await s.create('/j/no/parent');
  await s.create('/j/eph/child');
  await s.create('/j/bell\u0007');
  await s.create('/j/\u{1F995}');
  await s.create('/');
  await s.create('relative');
  await s.create('/j//double');
  await s.create('/j/mode', 99);
  await s.create('/j/auth', ACL.CREATOR_ALL_ACL);
  await s.create('/j/acl', [new ACL(Permission.ALL, new Id('nosuch', 'x'))]);
  await s.children('/j');
  await s.get('/j/null');
  await s.get('/j/empty');
  await s.exists('/j/eph');
  say(`state is ${s.client.getState()}, session id has ${s.client.getSessionId().length} bytes, `
    + `password ${s.client.getSessionPassword().length}, timeout ${s.client.getSessionTimeout()}`);
  await s.close();
}

async function readWrite(address) {
  const s = await new Session('writer', address).open();
  say('== read and write');
  await s.children('/');
  await s.children('/j');
  await s.children('/j/missing');
  await s.get('/j');
  await s.get('/j/missing');
  await s.exists('/j/missing');
  await s.exists('/zookeeper');
  await s.set('/j', data('first'));
  await s.set('/j', data('second'), 1);
  await s.set('/j', data('stale'), 1);
  await s.set('/j', null);
  await s.get('/j');
  await s.set('/j/missing', data('x'));
  await s.remove('/j');
  await s.remove('/j', 9);
  await s.remove('/j/empty', 9);
  await s.remove('/j/empty', 0);
  await s.remove('/j/missing');
  await s.remove('/zookeeper/quota');
  const [made, path] = await s.call('mkdirp', '/j/a/b/c', data('deep'));
  say(`mkdirp -> ${outcome(made)} ${path}`);
  const [listed, tree] = await s.call('listSubTreeBFS', '/j');
  say(`listSubTreeBFS -> ${outcome(listed)} ${(tree || []).sort().join(' ')}`);
  const [refused] = await s.call('removeRecursive', '/j/a', 7);
  say(`removeRecursive of a stale version -> ${outcome(refused)}`);
  // This version of the library looks one level deep only.
  const [deep] = await s.call('removeRecursive', '/j/a');
  say(`removeRecursive of a deep tree -> ${outcome(deep)}`);
  const [removed] = await s.call('removeRecursive', '/j/a/b');
  say(`removeRecursive -> ${outcome(removed)}`);
  const [missing] = await s.call('removeRecursive', '/j/a/b');
  say(`removeRecursive of nothing -> ${outcome(missing)}`);
  await s.exists('/j');
  say('== pipelined requests, answered in order');
  await Promise.all([
    s.create('/p'), s.create('/p/s-', CreateMode.PERSISTENT_SEQUENTIAL),
    s.create('/p/s-', CreateMode.PERSISTENT_SEQUENTIAL), s.children('/p'),
    s.set('/p', data('1')), s.get('/p'), s.set('/p', data('2'), 0), s.remove('/p'),
    s.remove('/p/s-0000000000'), s.exists('/p/s-0000000000'), s.children('/p'),
  ]);
  say('== a value over the limit of a frame');
  await s.set('/j', Buffer.alloc(1048576));
  await s.reach(State.SYNC_CONNECTED);
  await s.exists('/j');
  await s.set('/j', Buffer.alloc(1048000));
  await s.get('/j');
  await s.close();
}

async function transactions(address) {
  const s = await new Session('transactor', address).open();
  const begin = () => s.client.transaction();
  say('== transactions');
  await s.commit('of creates, set and check', begin()
    .create('/t', data('t'))
    .create('/t/seq-', CreateMode.PERSISTENT_SEQUENTIAL)
    .create('/t/eph', data('e'), ACL.READ_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL)
    .setData('/t', data('set'))
    .check('/t', 1));
  await s.commit('with a remove', begin().remove('/t/seq-0000000000').create('/t/new'));
  await s.commit('with a stale check', begin()
    .create('/t/lost').check('/t', 9).remove('/t/new'));
  await s.commit('with a missing node', begin().setData('/t/missing', data('x')).create('/t/lost'));
  await s.commit('that removes a parent', begin().create('/t/lost').remove('/t'));
  await s.commit('that exists already', begin().create('/t/new'));
  await s.commit('of nothing', begin());
  await s.children('/t');
  await s.close();
}

async function access(address) {
  const s = await new Session('ann', address).open();
  const digest = new ACL(Permission.ALL, new Id('digest', 'ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM='));
  const anyone = Id.ANYONE_ID_UNSAFE;
  say('== access');
  s.client.addAuthInfo('digest', data('ann:secret'));
  await s.create('/x', data('x'));
  await s.create('/x/private', data('hidden'), ACL.CREATOR_ALL_ACL);
  await s.create('/x/shown', data('shown'), [new ACL(Permission.READ, anyone), digest]);
  await s.create('/x/twice', data('x'), [digest, digest, new ACL(Permission.READ, anyone)]);
  await s.acl('/x');
  await s.acl('/x/private');
  await s.acl('/x/shown');
  await s.acl('/x/twice');
  await s.acl('/x/missing');
  await s.setAcl('/x/twice', [digest], 0);
  await s.setAcl('/x/twice', ACL.OPEN_ACL_UNSAFE, 0);
  await s.setAcl('/x/twice', [new ACL(Permission.ALL, new Id('ip', 'nowhere'))]);
  await s.setAcl('/x/missing', ACL.OPEN_ACL_UNSAFE);
  await s.close();
  const d = await new Session('stranger', address).open();
  await d.get('/x/private');
  await d.set('/x/private', data('x'));
  await d.children('/x/private');
  await d.create('/x/private/kid');
  await d.acl('/x/private');
  await d.acl('/x/shown');
  await d.set('/x/shown', data('x'));
  await d.setAcl('/x/shown', ACL.OPEN_ACL_UNSAFE);
  await d.commit('without permission', d.client.transaction()
    .create('/x/lost').setData('/x/shown', data('x')));
  d.client.addAuthInfo('digest', data('bob:secret'));
  await d.get('/x/private');
  d.client.addAuthInfo('digest', data('ann:secret'));
  await d.get('/x/private');
  await d.remove('/x/private');
  d.client.addAuthInfo('nosuch', data('x'));
  await d.reach(State.AUTH_FAILED);
  say(`state is ${d.client.getState()}`);
  await d.exists('/x');
}

module.exports = [create, readWrite, transactions, access];
