/**
 * Two flows through a router, one it must never pass and one it must never cut; runs in the namespaces beside it.
 *
 *   node flow-probe.mjs receive            answers TCP; prints a JSON line for each denied packet that arrives, with when it was sent
 *   node flow-probe.mjs send <address> [<source>]   sends both, and prints a JSON line when the TCP flow ends or was answered
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const ports = { denied: 7001, flow: 7000 };
const everyMs = 10;
const [, , mode, address, source] = process.argv;
const udp = address?.includes(':') ? 'udp6' : 'udp4';

function say(what) {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), ...what })}\n`);
}

function receive() {
  const denied = createSocket('udp4');
  denied.on('message', (text) => say({ kind: 'leak', sent: Number(text) }));
  const flows = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  denied.bind(ports.denied, () => flows.listen(ports.flow, () => say({ kind: 'listening' })));
}

function send() {
  const denied = createSocket(udp);
  denied.on('error', () => undefined);
  // No route and no neighbour are no answers: the next packet tries again.
  setInterval(() => denied.send(String(Date.now()), ports.denied, address, () => undefined), everyMs);
  const flow = connect({ port: ports.flow, host: address, localAddress: source }, () => say({ kind: 'connected' }));
  flow.on('error', (error) => say({ kind: 'cut', message: error.message }));
  flow.on('close', () => say({ kind: 'cut', message: 'closed' }));
  let echoed = 0;
  flow.on('data', (bytes) => {
    echoed += bytes.length;
  });
  setInterval(() => flow.write('y'), everyMs);
  setInterval(() => say({ kind: 'echoed', bytes: echoed }), 100);
}

if (mode === 'receive') receive();
else send();
