/**
 * A WireGuard device's private key: made once, kept in a file that only the agent may read.
 *
 * Invariant: a key that is there is never replaced, since the peer knows its public half: one that cannot be used is an error.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { isWireguardKey } from '../../links/wireguard/config.ts';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { readText } from '../bird-files.ts';

/** Base64, both. */
export interface WireguardKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** An X25519 private key in PKCS #8 (RFC 8410) is these bytes and the 32 of the key. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

export async function readOrMakeKey(path: string): Promise<Result<WireguardKeyPair, string>> {
  const text = await readText(path);
  if (text === undefined) {
    const privateKey = makePrivateKey();
    await writeFileAtomically(path, `${privateKey}\n`);
    return ok({ privateKey, publicKey: publicKeyOf(privateKey) });
  }
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) !== 0) return err(`${path}: mode ${mode.toString(8)} lets others read it: chmod 600`);
  const privateKey = text.trim();
  if (!isWireguardKey(privateKey))
    return err(`${path} holds no WireGuard key: restore it, or remove it to get a new one`);
  return ok({ privateKey, publicKey: publicKeyOf(privateKey) });
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
