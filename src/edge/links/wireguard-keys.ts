/**
 * A WireGuard device's private key: made once, kept in a file that only the agent may read.
 *
 * Invariant: a key that is there is never replaced, since the peer knows its public half: one that cannot be used is an error.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { isWireguardKey } from '../../links/wireguard/config.ts';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';

/** Base64, both. */
export interface WireguardKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** An X25519 private key in PKCS #8 (RFC 8410) is these bytes and the 32 of the key. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

export async function readOrMakeKey(path: string): Promise<Result<WireguardKeyPair, string>> {
  const kept = await readKept(path);
  if (!kept.ok) return kept;
  if (kept.value === undefined) {
    const privateKey = makePrivateKey();
    await writeFileAtomically(path, `${privateKey}\n`);
    return ok({ privateKey, publicKey: publicKeyOf(privateKey) });
  }
  const privateKey = kept.value.trim();
  if (!isWireguardKey(privateKey))
    return err(`${path} holds no WireGuard key: restore it, or remove it to get a new one`);
  return ok({ privateKey, publicKey: publicKeyOf(privateKey) });
}

/** Undefined where there is no file. What is looked at is what is read: one opened file, not a name twice. */
async function readKept(path: string): Promise<Result<string | undefined, string>> {
  const opened = await openItself(path);
  if (!opened.ok || opened.value === undefined) return opened as Result<undefined, string>;
  const file = opened.value;
  try {
    const facts = await file.stat();
    const mode = facts.mode & 0o777;
    if (!facts.isFile()) return err(`${path} is no file: remove it to get a new key`);
    if (facts.uid !== process.geteuid?.())
      return err(`${path} belongs to user ${facts.uid}: chown it to the agent's user`);
    if ((mode & 0o077) !== 0) return err(`${path}: mode ${mode.toString(8)} lets others read it: chmod 600`);
    return ok(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

async function openItself(path: string): Promise<Result<FileHandle | undefined, string>> {
  try {
    return ok(await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENOENT':
        return ok(undefined);
      case 'ELOOP':
        return err(`${path} is a symbolic link: put the key itself there`);
      default:
        throw error;
    }
  }
}

function makePrivateKey(): string {
  const der = generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  const bytes = der.subarray(pkcs8Head.length);
  // Clamped (RFC 7748 §5), as `wg genkey` writes them: the same key either way.
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return bytes.toString('base64');
}

function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([pkcs8Head, Buffer.from(privateKey, 'base64')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}
