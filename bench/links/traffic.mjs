/**
 * Both ends of the measured traffic, as a program of its own in each namespace: built of Node alone, and never the bench's process.
 *
 *   traffic.mjs serve ADDRESS          swallows TCP, echoes UDP; says `ready`
 *   traffic.mjs send ADDRESS MS        one TCP connection for so long; says bytes a second, as the other end counted them
 *   traffic.mjs echo ADDRESS COUNT     one datagram after the other; says the median of their ways there and back in microseconds
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const tcpPort = 5201;
const udpPort = 5202;
const chunk = Buffer.alloc(256 * 1024);
const datagram = Buffer.alloc(64);
/** Milliseconds until a datagram counts as lost, which makes the measurement fail. */
const patience = 2_000;

const [verb, address, amount] = process.argv.slice(2);
if (verb === 'serve') await serve();
else if (verb === 'send') say(await send(Number(amount)));
else if (verb === 'echo') say(await echo(Number(amount)));
else throw new Error(`no verb ${verb}`);

function say(figure) {
  process.stdout.write(`${figure}\n`);
  process.exit(0);
}

async function serve() {
  const sink = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.on('end', () => socket.end(`${bytes}\n`));
    socket.on('error', () => {});
  });
  sink.listen(tcpPort, address);
  await once(sink, 'listening');
  const mirror = createSocket('udp4');
  mirror.on('message', (message, from) => mirror.send(message, from.port, from.address));
  mirror.bind(udpPort, address);
  await once(mirror, 'listening');
  process.stdout.write('ready\n');
}

async function send(milliseconds) {
  const socket = connect({ host: address, port: tcpPort, allowHalfOpen: true });
  await once(socket, 'connect');
  const began = performance.now();
  while (performance.now() - began < milliseconds) {
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  const [answer] = await once(socket, 'data');
  return Math.round((Number(answer.toString()) * 1000) / (performance.now() - began));
}

async function echo(count) {
  const socket = createSocket('udp4');
  const ways = [];
  for (let sent = 0; sent < count; sent++) {
    const began = performance.now();
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(patience) });
    socket.send(datagram, udpPort, address);
    await answered;
    ways.push((performance.now() - began) * 1000);
  }
  ways.sort((a, b) => a - b);
  return ways[Math.floor(count / 2)].toFixed(1);
}
