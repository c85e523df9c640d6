/**
 * A constant stream of numbered packets, to count those that get lost.
 *
 *   node packet-stream.mjs send <address> <source> <rate per second>    until SIGTERM, then prints how many were sent
 *   node packet-stream.mjs receive                                      until SIGTERM, then prints how many different ones arrived
 */
import { createSocket } from 'node:dgram';

const port = 7100;
const [, , mode, address, source, rate] = process.argv;
const socket = createSocket({ type: address?.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 22 });

function end(count) {
  process.once('SIGTERM', () => {
    process.stdout.write(`${JSON.stringify(count())}\n`, () => process.exit(0));
  });
}

if (mode === 'send') {
  socket.bind(0, source);
  let sent = 0;
  const begun = performance.now();
  // What a busy machine kept back is sent late, but sent.
  setInterval(() => {
    const due = Math.floor(((performance.now() - begun) * Number(rate)) / 1000);
    for (; sent < due; sent++) {
      const number = Buffer.alloc(64);
      number.writeUInt32BE(sent);
      // One that finds no route is lost like any other.
      socket.send(number, port, address, () => undefined);
    }
  }, 1);
  end(() => ({ sent }));
  process.stdout.write('{}\n');
} else {
  const seen = new Set();
  socket.on('message', (packet) => seen.add(packet.readUInt32BE(0)));
  socket.bind(port, () => process.stdout.write('{}\n'));
  end(() => ({ arrived: seen.size }));
}
