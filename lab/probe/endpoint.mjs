/**
 * One node's voice in a lab: it serves on the node's ports and sends probes from its addresses.
 *
 *   harness ── JSON lines over a Unix socket ──▶ this process, in the node's network namespace ──▶ real TCP and UDP
 *
 * Plain JavaScript on purpose: it is started once per node by `node` alone, without a build and in a few dozen milliseconds.
 * A probe counts as answered only when its own random bytes came back: through the network and back again.
 *
 *   node endpoint.mjs NAME SOCKET TCP-PORTS UDP-PORTS        ports as `22,5432`, or `-` for none
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [name = '?', socketPath = '', tcpPorts = '-', udpPorts = '-'] = process.argv.slice(2);

/**
 * What a socket may hold while this process waits for a CPU: some thousands of datagrams, or what the kernel allows
 * (net.core.rmem_max). Its own default is 64 ms of four streams, and what came after was lost here, not in the network.
 */
const receiveBytes = 4 << 20;

/** @param {string} list */
const ports = (list) => (list === '-' ? [] : list.split(',').map(Number));

for (const port of ports(tcpPorts)) {
  createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  }).listen({ host: '::', port });
}
for (const port of ports(udpPorts)) {
  const socket = createSocket('udp6');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.on('error', () => {});
  socket.bind(port, '::', () => socket.setRecvBufferSize(receiveBytes));
}

/**
 * Opens a connection and has it echo a nonce.
 * @param {{address: string, port: number, timeout: number}} target
 * @returns {Promise<{answered: boolean, ms: number, detail: string}>}
 */
function probeTcp({ address, port, timeout }) {
  return new Promise((resolve) => {
    const start = performance.now();
    const nonce = randomBytes(8).toString('hex');
    const socket = connect({ host: address, port });
    let seen = '';
    /** @param {boolean} answered @param {string} detail */
    const end = (answered, detail) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answered, ms: performance.now() - start, detail });
    };
    const timer = setTimeout(() => end(false, socket.connecting ? 'no answer to SYN' : 'connected, no echo'), timeout);
    socket.on('connect', () => socket.write(nonce));
    socket.on('data', (chunk) => {
      seen += chunk;
      if (seen === nonce) end(true, 'echo');
    });
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => end(false, error.code ?? error.message));
  });
}

/**
 * Sends a datagram, three times at most, and waits for its echo.
 * @param {{address: string, port: number, timeout: number}} target
 * @returns {Promise<{answered: boolean, ms: number, detail: string}>}
 */
function probeUdp({ address, port, timeout }) {
  return new Promise((resolve) => {
    const start = performance.now();
    const nonce = randomBytes(8).toString('hex');
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    let detail = 'no answer';
    /** @type {NodeJS.Timeout[]} */
    const timers = [];
    /** @param {boolean} answered */
    const end = (answered) => {
      for (const timer of timers) clearTimeout(timer);
      timers.length = 0;
      socket.close();
      resolve({ answered, ms: performance.now() - start, detail });
    };
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      detail = error.code ?? error.message;
    });
    socket.on('message', (message) => {
      if (message.toString() !== nonce || timers.length === 0) return;
      detail = 'echo';
      end(true);
    });
    const send = () => socket.send(nonce, port, address, (error) => error && socket.emit('error', error));
    timers.push(setTimeout(() => end(false), timeout));
    for (const part of [1, 2]) timers.push(setTimeout(send, (timeout * part) / 3));
    send();
  });
}

/** Running streams by id: every attempt with its time and outcome, so that the reader can count for itself. */
/** @type {Map<string, {timer: NodeJS.Timeout, attempts: {at: number, answeredAt: number | null}[], close: () => void}>} */
const streams = new Map();

/** @param {{id: string, protocol: string, address: string, port: number, every: number, timeout: number}} request */
function openStream(request) {
  /** @type {{at: number, answeredAt: number | null}[]} */
  const attempts = [];
  if (request.protocol === 'udp') {
    const socket = createSocket(request.address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.bind(0, undefined, () => socket.setRecvBufferSize(receiveBytes));
    socket.on('message', (message) => {
      const attempt = attempts[Number(message.toString())];
      if (attempt) attempt.answeredAt ??= Date.now();
    });
    const timer = setInterval(() => {
      attempts.push({ at: Date.now(), answeredAt: null });
      socket.send(String(attempts.length - 1), request.port, request.address, () => {});
    }, request.every);
    streams.set(request.id, { timer, attempts, close: () => socket.close() });
    return;
  }
  const timer = setInterval(async () => {
    /** @type {{at: number, answeredAt: number | null}} */
    const attempt = { at: Date.now(), answeredAt: null };
    attempts.push(attempt);
    const { answered } = await probeTcp(request);
    if (answered) attempt.answeredAt = Date.now();
  }, request.every);
  streams.set(request.id, { timer, attempts, close: () => {} });
}

/** Bytes of a transfer: the place of each says which it must be, so that a lost or doubled one is seen. */
const pattern = Buffer.from(Array.from({ length: 251 * 64 }, (_, index) => index % 251));
const transferPace = { every: 5, bytes: 4096 };

/** Running transfers by id: one TCP connection to an echo service, written to steadily, every byte checked on its return. */
/** @type {Map<string, {socket: import('node:net').Socket, timer: NodeJS.Timeout, sent: number, received: number, fault: string | null, ended: boolean}>} */
const transfers = new Map();

/** @param {{id: string, address: string, port: number}} request */
function openTransfer({ id, address, port }) {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const timer = setInterval(() => {
      // Against a full send buffer nothing is written: the transfer waits, as any program would.
      if (socket.connecting || socket.destroyed || socket.writableNeedDrain) return;
      const from = transfer.sent % 251;
      socket.write(pattern.subarray(from, from + transferPace.bytes));
      transfer.sent += transferPace.bytes;
    }, transferPace.every);
    /** @type {{socket: import('node:net').Socket, timer: NodeJS.Timeout, sent: number, received: number, fault: string | null, ended: boolean}} */
    const transfer = { socket, timer, sent: 0, received: 0, fault: null, ended: false };
    transfers.set(id, transfer);
    socket.on('connect', () => resolve({}));
    socket.on('data', (chunk) => {
      const from = transfer.received % 251;
      for (let at = 0; at < chunk.length; at += pattern.length - 251) {
        const part = chunk.subarray(at, at + pattern.length - 251);
        const start = (from + at) % 251;
        if (!part.equals(pattern.subarray(start, start + part.length))) transfer.fault ??= 'bytes came back changed';
      }
      transfer.received += chunk.length;
    });
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      transfer.fault ??= error.code ?? error.message;
      resolve({});
    });
    socket.on('close', () => {
      transfer.ended = true;
    });
  });
}

/** @param {string} id */
function readTransfer(id) {
  const { sent = 0, received = 0, fault = 'there is no such transfer', ended = true } = transfers.get(id) ?? {};
  return { sent, received, fault, ended };
}

/** @param {any} request */
async function serve(request) {
  switch (request.op) {
    case 'hello':
      return { name };
    case 'probe':
      return request.protocol === 'tcp' ? probeTcp(request) : probeUdp(request);
    case 'open-stream':
      openStream(request);
      return {};
    case 'read-stream':
      return { attempts: streams.get(request.id)?.attempts ?? [] };
    case 'close-stream': {
      const stream = streams.get(request.id);
      streams.delete(request.id);
      clearInterval(stream?.timer);
      stream?.close();
      return { attempts: stream?.attempts ?? [] };
    }
    case 'open-transfer':
      return openTransfer(request);
    case 'read-transfer':
      return readTransfer(request.id);
    case 'end-transfer': {
      const transfer = transfers.get(request.id);
      clearInterval(transfer?.timer);
      transfer?.socket.end();
      return {};
    }
    default:
      return { error: `unknown op ${request.op}` };
  }
}

createServer((client) => {
  client.on('error', () => {});
  createInterface({ input: client }).on('line', async (line) => {
    const request = JSON.parse(line);
    const answer = await serve(request);
    client.write(`${JSON.stringify({ seq: request.seq, ...answer })}\n`);
  });
}).listen(socketPath);
