// Datagrams to one host until it is killed, each to another port: flows that no two packets share. `node flow-flood.mjs HOST`
import { createSocket } from 'node:dgram';

const [, , host] = process.argv;
const socket = createSocket('udp4');
const payload = Buffer.alloc(18);
let sent = 0;

function more() {
  for (let i = 0; i < 1000; i++, sent++) {
    socket.send(payload, 10000 + (sent % 50000), host, () => {});
  }
  setImmediate(more);
}

more();
