/**
 * Which rule decides about each probe, asked of the product itself: `causeway explain packet` on the lab's resources.
 *
 *   PacketRow → packet query in JSON ─[explain packet --stdin]→ Decision
 */
import { causewayProgram } from '../package-root.ts';
import { run } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import { storeOf } from '../topology/stores.ts';
import { addressFor, doorOf } from '../topology/wiring.ts';
import { type PacketRow, parsePort } from './packets.ts';

export interface Decision {
  readonly router: string;
  readonly verdict: string;
  /** The rule, or the default, that decided. */
  readonly decidedBy: string;
  /** `file:line` of it; empty when a default decided. */
  readonly where: string;
}

interface Explained {
  readonly verdict: string;
  readonly stage: string;
  readonly rule: {
    readonly kind: string;
    readonly name: string;
    readonly direction: string;
    readonly index: number;
  } | null;
  readonly file?: string | null;
  readonly line?: number | null;
  readonly reason?: string;
}

export interface Explanation {
  /** One per row, in order; undefined for packets that meet no router on their way. */
  readonly decisions: readonly (Decision | undefined)[];
  /** Why there are no decisions, when there should be. */
  readonly failure?: string;
}

export async function explainRows(lab: Lab, sandbox: Sandbox, rows: readonly PacketRow[]): Promise<Explanation> {
  const questions = rows.map((row) => questionOf(lab, row));
  const decisions: (Decision | undefined)[] = rows.map(() => undefined);
  for (const router of new Set(questions.flatMap((question) => (question ? [question.router] : [])))) {
    const indices = questions.flatMap((question, index) => (question?.router === router ? [index] : []));
    const lines = indices.map((index) => JSON.stringify(questions[index]?.query));
    const answers = await ask(lab, sandbox, router, lines);
    if (typeof answers === 'string') return { decisions, failure: answers };
    for (const [position, index] of indices.entries()) {
      const answer = answers[position];
      if (answer) decisions[index] = { router, ...describe(answer) };
    }
  }
  return { decisions };
}

interface Question {
  readonly router: string;
  readonly query: Readonly<Record<string, string | number>>;
}

/** The first router of the file that stands between the two, or the one that is the target. */
function questionOf(lab: Lab, { check, family, address }: PacketRow): Question | undefined {
  const src = addressFor(lab, check.from, check.from, family);
  const { protocol, port } = parsePort(check.port);
  if (src === undefined) return undefined;
  const packet = { src, dst: address, protocol, sport: 40000, dport: port };
  const isRouter = (node: string): boolean => lab.spec.nodes[node]?.type === 'router';
  const router = isRouter(check.to) ? check.to : Object.keys(lab.spec.nodes).find(isRouter);
  const inbound = router === undefined ? undefined : doorOf(lab, router, check.from);
  if (router === undefined || inbound === undefined) return undefined;
  if (router === check.to) return { router, query: { ...packet, in: inbound, local: 'in' } };
  const outbound = doorOf(lab, router, check.to);
  if (outbound === undefined || outbound === inbound) return undefined;
  return { router, query: { ...packet, in: inbound, out: outbound } };
}

async function ask(
  lab: Lab,
  sandbox: Sandbox,
  router: string,
  lines: readonly string[],
): Promise<Explained[] | string> {
  const { resources } = storeOf(lab, router);
  const argv = [causewayProgram(), 'explain', 'packet', '-o', 'json', '--stdin', '-f', resources, '--router', router];
  const done = await run(sandbox, argv, { input: `${lines.join('\n')}\n` });
  const answers =
    done.stdout.trim() === ''
      ? []
      : done.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Explained);
  if (answers.length !== lines.length) {
    return `explain packet gave ${answers.length} answers to ${lines.length} questions: ${done.stderr.trim()}`;
  }
  return answers;
}

function describe(answer: Explained): Omit<Decision, 'router'> {
  const { rule } = answer;
  const decidedBy = rule
    ? `${rule.kind === 'GlobalNetworkPolicy' ? '' : `${rule.kind}/`}${rule.name} ${rule.direction}[${rule.index}]`
    : (answer.reason ?? answer.stage);
  const file = answer.file?.replace(/^.*\//, '') ?? '';
  return { verdict: answer.verdict, decidedBy, where: file === '' ? '' : `${file}:${answer.line ?? 1}` };
}
