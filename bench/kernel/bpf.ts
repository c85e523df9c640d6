/**
 * bpf(2): load, attach, run and count, with file descriptors as the only handles.
 *
 *   Instruction[] → [bpf] → program and map in the kernel
 *
 * Invariant: nothing is pinned. Programs, maps and links live as long as this process has them open, so that the kernel
 * takes everything away with the process, however it ends.
 */
import koffi, { type TypeObject } from 'koffi';
import { assemble, type Instruction } from '../../src/edge/links/bpf-assembler.ts';
import { libc, SystemCallError } from './libc.ts';

export type ProgramFd = number & { readonly handle: 'program' };
export type MapFd = number & { readonly handle: 'map' };
export type LinkFd = number & { readonly handle: 'link' };

const command = { mapCreate: 0, mapLookup: 1, programLoad: 5, programTestRun: 10, linkCreate: 28 } as const;
const mapTypeArray = 2;
const programTypeXdp = 6;
const attachTypeXdp = 37;
const testLiveFrames = 1 << 1;
const driverMode = 1 << 2;
const verifierLogLevel = 1;

/** Number of bpf(2) in the system call table. */
const bpfNumber: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };

// Leading parts of union bpf_attr (include/uapi/linux/bpf.h); the kernel takes the rest as zero.
const mapCreateAttributes = koffi.struct({
  mapType: 'uint32',
  keySize: 'uint32',
  valueSize: 'uint32',
  maxEntries: 'uint32',
});
const mapLookupAttributes = koffi.struct({
  mapFd: 'uint32',
  padding: 'uint32',
  key: 'void *',
  value: 'void *',
  flags: 'uint64',
});
const programLoadAttributes = koffi.struct({
  programType: 'uint32',
  instructionCount: 'uint32',
  instructions: 'void *',
  license: 'const char *',
  logLevel: 'uint32',
  logSize: 'uint32',
  log: 'void *',
});
const testRunAttributes = koffi.struct({
  programFd: 'uint32',
  returnValue: 'uint32',
  sizeIn: 'uint32',
  sizeOut: 'uint32',
  bytesIn: 'void *',
  bytesOut: 'void *',
  repeat: 'uint32',
  duration: 'uint32',
  contextSizeIn: 'uint32',
  contextSizeOut: 'uint32',
  contextIn: 'void *',
  contextOut: 'void *',
  flags: 'uint32',
  cpu: 'uint32',
  batchSize: 'uint32',
  padding: 'uint32',
});
const linkCreateAttributes = koffi.struct({
  programFd: 'uint32',
  interfaceIndex: 'uint32',
  attachType: 'uint32',
  flags: 'uint32',
});

type SystemCall = ReturnType<typeof libc.func>;

const systemCalls = new Map<TypeObject, SystemCall>();

/** An array map of one u64, set to 0. */
export function createCounter(): MapFd {
  const attributes = { mapType: mapTypeArray, keySize: 4, valueSize: 8, maxEntries: 1 };
  return bpf('BPF_MAP_CREATE', command.mapCreate, mapCreateAttributes, attributes) as MapFd;
}

export function readCounter(map: MapFd): number {
  const value = Buffer.alloc(8);
  const attributes = { mapFd: map, padding: 0, key: Buffer.alloc(4), value, flags: 0 };
  bpf('BPF_MAP_LOOKUP_ELEM', command.mapLookup, mapLookupAttributes, attributes);
  return Number(value.readBigUInt64LE());
}

/** Loads an XDP program. Throws with the verifier's log when the kernel refuses it. */
export function loadXdp(program: readonly Instruction[]): ProgramFd {
  const instructions = assemble(program);
  const log = Buffer.alloc(64 * 1024);
  const attributes = {
    programType: programTypeXdp,
    instructionCount: instructions.length / 8,
    instructions,
    license: 'GPL',
    logLevel: verifierLogLevel,
    logSize: log.length,
    log,
  };
  const explain = () => log.subarray(0, log.indexOf(0)).toString();
  return bpf('BPF_PROG_LOAD', command.programLoad, programLoadAttributes, attributes, explain) as ProgramFd;
}

/** Attaches a program to an interface of the namespace that the main thread is in, in native mode. */
export function attachXdp(program: ProgramFd, interfaceIndex: number): LinkFd {
  const attributes = { programFd: program, interfaceIndex, attachType: attachTypeXdp, flags: driverMode };
  return bpf('BPF_LINK_CREATE', command.linkCreate, linkCreateAttributes, attributes) as LinkFd;
}

/**
 * Runs an XDP program on `frames` live frames in batches of 64, one NAPI budget: what it redirects is really sent, out
 * of an interface of the namespace that the main thread is in. Gives the mean ns per frame by the kernel's own clock, whatever
 * the softirqs do that the frames raise included; setting up and tearing down a run, tens of ms, is not in it.
 */
export function sendLiveFrames(program: ProgramFd, frame: Buffer, frames: number): number {
  const attributes = {
    programFd: program,
    returnValue: 0,
    sizeIn: frame.length,
    sizeOut: 0,
    bytesIn: frame,
    bytesOut: null,
    repeat: frames,
    duration: 0,
    contextSizeIn: 0,
    contextSizeOut: 0,
    contextIn: null,
    contextOut: null,
    flags: testLiveFrames,
    cpu: 0,
    batchSize: 64,
    padding: 0,
  };
  bpf('BPF_PROG_TEST_RUN', command.programTestRun, testRunAttributes, attributes);
  return attributes.duration;
}

function bpf(name: string, number: number, type: TypeObject, attributes: object, explain = () => ''): number {
  const call = bpfNumber[process.arch];
  if (call === undefined) throw new Error(`bpf(2) has no known number on ${process.arch}`);
  const result = Number(systemCall(type)(call, number, attributes, koffi.sizeof(type)));
  if (result < 0) throw new SystemCallError(name, koffi.errno(), explain());
  return result;
}

/** syscall(2) for attributes of one type, which come back as the kernel left them. */
function systemCall(type: TypeObject): SystemCall {
  const known = systemCalls.get(type);
  if (known !== undefined) return known;
  const made = libc.func('syscall', 'long', ['long', 'long', koffi.inout(koffi.pointer(type)), 'long']);
  systemCalls.set(type, made);
  return made;
}
