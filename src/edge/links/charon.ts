/**
 * One charon and the tunnels it serves: told what is wanted, asked what is, and heard.
 *
 *   CharonWish ─[ensure]→ process, load-key, load-conn, initiate;   charon's events ─▶ onChange(connection)
 *
 * Invariant: what equals what it was told before is not told again; keys are told once by each of us, since only we know which
 * ones they were. A changed key or certificate of ours disturbs no tunnel that is up: whoever authenticates next uses it.
 */

import { associationEvents, readAssociations, type TunnelAssociations } from '../../links/ipsec/associations.ts';
import { needsNewCharon } from '../../links/ipsec/charon-config.ts';
import { type CharonConnection, type CharonKey, needsNewAgreement } from '../../links/ipsec/connection.ts';
import { type Failures, failureOf, noFailures, noteLog, noteUp } from '../../links/ipsec/failure.ts';
import { isSection, type ViciSection } from '../../links/ipsec/vici-message.ts';
import { sameValue } from '../../net/same-value.ts';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { readText } from '../bird-files.ts';
import { signalProcess } from '../daemon-process.ts';
import { type CharonFiles, endCharon, forgetCharon, isCharon, startCharon, trimCharonLog } from './charon-process.ts';
import { dropUnusedRule } from './charon-rule.ts';
import { openVici, type ViciClient } from './vici-client.ts';

export interface CharonTunnel {
  readonly name: string;
  readonly connection: CharonConnection;
  readonly initiates: boolean;
}

export interface Charon {
  /** Starts it where it does not run with this configuration. */
  run(config: string): Promise<Result<number, string>>;
  /** Brings the tunnel about as far as that is this end's to do. */
  tell(tunnel: CharonTunnel): Promise<Result<void, string>>;
  /** Takes away all tunnels but these. */
  keepOnly(names: ReadonlySet<string>): Promise<Result<void, string>>;
  associations(name: string): Promise<Result<TunnelAssociations, string>>;
  /** Why the tunnel did not come up when it was tried last. */
  failure(name: string): string | undefined;
  end(): Promise<Result<void, string>>;
  leave(): void;
}

export interface CharonOptions {
  readonly files: CharonFiles;
  readonly launcher: readonly string[];
  /** Process id of the one that was found running. */
  readonly found: number | undefined;
  /** The tunnel that it serves, where that is one: whatever it says of its peer is of that one. */
  readonly only: string | undefined;
  /** Hears of a tunnel that may have come up or gone; of all where the conversation with it ended. */
  onChange(tunnel: string | undefined): void;
}

interface ToldKey {
  readonly key: CharonKey;
  /** Charon's name of a private key. */
  readonly id: string | undefined;
}

export function createCharon({ files, launcher, found, only, onChange }: CharonOptions): Charon {
  let pid = found;
  let client: ViciClient | undefined;
  let failures: Failures = noFailures;
  let told: Readonly<Record<string, ViciSection>> | undefined;
  const keys = new Map<string, ToldKey>();
  /** Of the `list-sas` under way. */
  let listed: ViciSection[] = [];

  function hear(name: string, message: ViciSection): void {
    if (name === 'list-sa') {
      listed.push(message);
    } else if (name === 'log') {
      const { 'ikesa-name': connection, msg } = message;
      const about = only ?? (typeof connection === 'string' ? connection : '');
      if (typeof msg === 'string') failures = noteLog(failures, about, msg);
    } else {
      for (const [key, value] of Object.entries(message)) if (typeof value === 'object') onChange(key);
    }
  }

  async function connect(): Promise<Result<ViciClient, string>> {
    if (client?.isOpen()) return ok(client);
    const opened = await openVici(files.socket, {
      events: ['list-sa', 'log', ...associationEvents],
      onEvent: hear,
      onClose: () => onChange(undefined),
    });
    if (opened.ok) client = opened.value;
    return opened;
  }

  async function stop(): Promise<Result<void, string>> {
    leave();
    const ended = pid === undefined ? ok(undefined) : await endCharon(files, pid);
    if (ended.ok) pid = undefined;
    return ended;
  }

  function leave(): void {
    client?.close();
    client = undefined;
    told = undefined;
    keys.clear();
  }

  /** What it was told, by us or by a predecessor. */
  async function readTold(): Promise<Readonly<Record<string, ViciSection>>> {
    if (told) return told;
    let read: unknown;
    try {
      read = JSON.parse((await readText(files.connections)) ?? '{}');
    } catch {
      read = {};
    }
    told = read !== null && isSection(read as ViciSection) ? (read as Readonly<Record<string, ViciSection>>) : {};
    return told;
  }

  async function noteTold(name: string, connection: ViciSection | undefined): Promise<void> {
    const { [name]: _, ...rest } = await readTold();
    told = connection ? { ...rest, [name]: connection } : rest;
    await writeFileAtomically(files.connections, JSON.stringify(told));
  }

  async function list(vici: ViciClient, name: string): Promise<Result<TunnelAssociations, string>> {
    listed = [];
    const answer = await vici.request('list-sas', { ike: name });
    if (!answer.ok) return answer;
    const associations = readAssociations(listed, name);
    if (associations.isUp) failures = noteUp(failures, name);
    return ok(associations);
  }

  async function load(vici: ViciClient, { name, connection }: CharonTunnel): Promise<Result<void, string>> {
    const { key } = connection;
    const former = keys.get(name);
    if (!sameValue(former?.key, key)) {
      const loaded = await vici.request(key.command, key.message);
      if (!loaded.ok) return err(`charon does not take its key: ${loaded.error}`);
      const { id } = loaded.value;
      keys.set(name, { key, id: typeof id === 'string' ? id : undefined });
      if (former) await forgetKey(vici, name, former);
    }
    const before = (await readTold())[name];
    if (sameValue(before, connection.connection)) return ok(undefined);
    // Whoever ends in between leaves word that what is up may not be what was wanted.
    if (before) await noteTold(name, {});
    const loaded = await vici.request('load-conn', connection.connection);
    if (!loaded.ok) return err(`charon does not take the tunnel: ${loaded.error}`);
    // What is up was agreed on before; a new agreement is made below.
    if (before && needsNewAgreement(before, connection.connection))
      await vici.request('terminate', { ike: name, force: 'yes' });
    await noteTold(name, connection.connection);
    return ok(undefined);
  }

  /** A key that has the name of its tunnel is replaced by the next of that name; a private one may be that of other tunnels, too. */
  async function forgetKey(vici: ViciClient, name: string, { key, id }: ToldKey): Promise<void> {
    if (key.command === 'load-shared') {
      if (keys.get(name)?.key.command !== 'load-shared') await vici.request('unload-shared', { id: name });
    } else if (id !== undefined && ![...keys.values()].some((other) => other.id === id)) {
      await vici.request('unload-key', { id });
    }
  }

  /** Whether the one that runs is or becomes as configured. */
  async function adopt(config: string): Promise<'adopted' | 'outdated' | 'silent'> {
    const before = await readText(files.config);
    if (before === undefined || needsNewCharon(before, config)) return 'outdated';
    const vici = await connect();
    if (!vici.ok) return 'silent';
    if (before === config) return 'adopted';
    await writeFileAtomically(files.config, config);
    return (await vici.value.request('reload-settings')).ok ? 'adopted' : 'outdated';
  }

  return {
    async run(config) {
      await trimCharonLog(files);
      if (pid !== undefined && (await isCharon(files, pid))) {
        const answer = await adopt(config);
        if (answer === 'adopted') return ok(pid);
        // Who does not answer is not waited for once more when it is told to end.
        if (answer === 'silent') signalProcess(pid, 'SIGKILL');
      }
      const stopped = await stop();
      if (!stopped.ok) return stopped;
      const started = await startCharon(files, config, launcher, async () => (await connect()).ok);
      if (!started.ok) return started;
      pid = started.value;
      await dropUnusedRule(launcher);
      return started;
    },
    async tell(tunnel) {
      const vici = await connect();
      if (!vici.ok) return vici;
      const loaded = await load(vici.value, tunnel);
      if (!loaded.ok || !tunnel.initiates) return loaded;
      const seen = await list(vici.value, tunnel.name);
      if (!seen.ok) return seen;
      if (seen.value.isUp || seen.value.isConnecting) return ok(undefined);
      const initiated = await vici.value.request('initiate', { child: tunnel.name, ike: tunnel.name, timeout: '-1' });
      return initiated.ok ? ok(undefined) : initiated;
    },
    async keepOnly(names) {
      for (const name of Object.keys(await readTold())) {
        if (names.has(name)) continue;
        const vici = await connect();
        if (!vici.ok) return vici;
        await vici.value.request('unload-conn', { name });
        await vici.value.request('terminate', { ike: name, force: 'yes' });
        const key = keys.get(name);
        keys.delete(name);
        if (key) await forgetKey(vici.value, name, key);
        // Told by a predecessor, whatever it was.
        else await vici.value.request('unload-shared', { id: name });
        await noteTold(name, undefined);
      }
      return ok(undefined);
    },
    async associations(name) {
      const vici = await connect();
      return vici.ok ? list(vici.value, name) : vici;
    },
    failure: (name) => failureOf(failures, name),
    async end() {
      const stopped = await stop();
      if (stopped.ok) await forgetCharon(files);
      return stopped;
    },
    leave,
  };
}
