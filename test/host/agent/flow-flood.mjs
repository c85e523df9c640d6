// Datagrams to one host, each to another port: flows that no two packets share. `node flow-flood.mjs HOST COUNT`
import { createSocket } from 'node:dgram';

const [, , host, count] = process.argv;
const socket = createSocket('udp4');
const payload = Buffer.alloc(18);
let sent = 0;

function more() {
  for (let i = 0; i < 1000 && sent < Number(count); i++, sent++) {
    socket.send(payload, 10000 + (sent % 50000), host, () => {});
  }
  if (sent < Number(count)) setImmediate(more);
  else setTimeout(() => socket.close(), 500);
}

more();
