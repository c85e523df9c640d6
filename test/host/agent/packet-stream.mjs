/**
 * A constant stream of numbered packets, to count those that get lost.
 *
 *   node packet-stream.mjs send <address> <source> <rate per second>    until SIGTERM, then prints how many were sent
 *   node packet-stream.mjs receive                                      until SIGTERM and until no more come, then prints how many
 *                                                                       different ones arrived
 */
import { createSocket } from 'node:dgram';

const port = 7100;
const atOnce = 20;
/** Nothing is under way that long: it crosses namespaces of one machine. */
const quietMs = 300;
const [, , mode, address, source, rate] = process.argv;
const socket = createSocket({ type: address?.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 22 });

function end(count) {
  process.stdout.write(`${JSON.stringify(count())}\n`, () => process.exit(0));
}

if (mode === 'send') {
  socket.bind(0, source);
  let sent = 0;
  const begun = performance.now();
  // What a busy machine kept back is sent late, but sent.
  setInterval(() => {
    const due = Math.floor(((performance.now() - begun) * Number(rate)) / 1000);
    // A few at a time: the receiver may be kept back, too, and its buffer has an end.
    for (let i = 0; i < atOnce && sent < due; i++, sent++) {
      const number = Buffer.alloc(64);
      number.writeUInt32BE(sent);
      // One that finds no route is lost like any other.
      socket.send(number, port, address, () => undefined);
    }
  }, 1);
  process.once('SIGTERM', () => end(() => ({ sent })));
  process.stdout.write('{}\n');
} else {
  const seen = new Set();
  socket.on('message', (packet) => seen.add(packet.readUInt32BE(0)));
  socket.bind(port, () => process.stdout.write('{}\n'));
  let before = -1;
  // After a pause the sockets are read first: what came meanwhile is not missed by who was kept back.
  const endOnceQuiet = () =>
    setTimeout(() => {
      setImmediate(() => {
        if (seen.size === before) return end(() => ({ arrived: seen.size }));
        before = seen.size;
        endOnceQuiet();
      });
    }, quietMs);
  process.once('SIGTERM', endOnceQuiet);
}
