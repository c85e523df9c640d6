/**
 * The two BPF programs of the stand-in for 802.1Q.
 *
 *   parent ─ingress─[untag]→ trunk end of a pair ═ sub-interface ═ trunk end ─ingress─[tag]→ parent's egress
 *
 * Invariant: `untag` takes frames of its tag alone and leaves every other to what comes next on the parent; `tag` lets nothing
 * past: a frame from the sub-interface leaves by the parent, tagged, or not at all. Segments and checksums stay as the device
 * below is to make them, since the tag is kept beside the frame.
 */
import type { Condition, Instruction, Register } from './bpf-assembler.ts';

/** TC_ACT_* (include/uapi/linux/pkt_cls.h): -1 asks the next filter. */
const actions = { next: -1, drop: 2 } as const;
/** Of enum bpf_func_id. */
const helpers = { pushVlan: 18, popVlan: 19, redirect: 23 } as const;
/** Of struct __sk_buff: 16 bits of tag control information, and whether there are any. */
const fields = { vlanPresent: 20, vlanTci: 24 } as const;
const idMask = 0xfff;
/** As the helper wants it, in the byte order of the wire. */
const protocol8021q = 0x0081;

const context: Register = 6;

/** On the parent: frames with this tag lose it and arrive at the sub-interface. `trunk` is an interface index. */
export function untag(id: number, trunk: number): Instruction[] {
  return [
    move(context, 1),
    load(2, fields.vlanPresent),
    jumpIf(2, 'eq', 0, 'next'),
    load(2, fields.vlanTci),
    { kind: 'alu', operation: 'and', target: 2, operand: { constant: idMask } },
    jumpIf(2, 'ne', id, 'next'),
    move(1, context),
    { kind: 'call', helper: helpers.popVlan },
    jumpIf(0, 'ne', 0, 'drop'),
    ...redirect(trunk),
    ...end('drop', actions.drop),
    ...end('next', actions.next),
  ];
}

/** On the trunk end: all frames leave by `parent`, an interface index, with the tag. */
export function tag(id: number, parent: number): Instruction[] {
  return [
    constant(2, protocol8021q),
    constant(3, id),
    { kind: 'call', helper: helpers.pushVlan },
    jumpIf(0, 'ne', 0, 'drop'),
    ...redirect(parent),
    ...end('drop', actions.drop),
  ];
}

function redirect(interfaceIndex: number): Instruction[] {
  return [constant(1, interfaceIndex), constant(2, 0), { kind: 'call', helper: helpers.redirect }, { kind: 'exit' }];
}

function end(name: string, action: number): Instruction[] {
  return [{ kind: 'label', name }, constant(0, action), { kind: 'exit' }];
}

function constant(target: Register, value: number): Instruction {
  return { kind: 'alu', operation: 'mov', target, operand: { constant: value } };
}

function move(target: Register, register: Register): Instruction {
  return { kind: 'alu', operation: 'mov', target, operand: { register } };
}

function load(register: Register, offset: number): Instruction {
  return { kind: 'load', width: 4, register, base: context, offset };
}

function jumpIf(left: Register, condition: Condition, value: number, label: string): Instruction {
  return { kind: 'jump-if', left, condition, right: { constant: value }, label };
}
