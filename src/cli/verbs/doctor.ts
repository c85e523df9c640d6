/** `causeway doctor`: what on this host keeps a router from working, each with its fix. */
import { type Command, Option } from 'commander';
import { readFromAgent } from '../../client/agent-client.ts';
import type { Finding } from '../../edge/finding.ts';
import { checkHost } from '../../edge/host-checks.ts';
import { checkLinks } from '../../edge/links/link-checks.ts';
import type { LinkStatus } from '../../links/link-keeper.ts';
import { type Cli, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { defaultRunFolder, defaultSecretsFolder } from '../folders.ts';
import { findAgents, printAs } from '../live.ts';
import { addOutputOption } from '../options.ts';
import { printTable } from '../table.ts';

const examples = `
Ends with 1 when something keeps a router from working; warnings alone end with 0.

Examples:
  causeway doctor
  causeway doctor -o json`;

interface DoctorOptions {
  readonly output: 'table' | 'json' | 'yaml';
  readonly runDir: string;
  readonly secretsDir: string;
}

export function register(command: Command, cli: Cli): void {
  addOutputOption(command, ['table', 'json', 'yaml'])
    .addOption(
      new Option('--run-dir <dir>', "folder of the agents' sockets").env('CAUSEWAY_RUN_DIR').default(defaultRunFolder),
    )
    .addOption(
      new Option('--secrets-dir <dir>', 'folder of secrets').env('CAUSEWAY_SECRETS_DIR').default(defaultSecretsFolder),
    )
    .addHelpText('after', examples);
  onAction(command, async (_: [], options: DoctorOptions) => {
    const ofHost = await checkHost({
      storeFolder: cli.globals().store,
      runFolder: options.runDir,
      secretsFolder: options.secretsDir,
    });
    const findings = [...ofHost, ...(await checkLinks(await linksHere(cli, options)))];
    cli.print(printAs(options.output, findings, printFindings));
    return findings.some((finding) => finding.result === 'error') ? exitCode.error : exitCode.ok;
  });
}

/** As the agents that run here report them. */
async function linksHere(cli: Cli, { runDir }: DoctorOptions): Promise<readonly LinkStatus[]> {
  const agents = await findAgents(cli, { runDir });
  const answers = await Promise.all(agents.map(({ socket }) => readFromAgent(socket, '/v1/status')));
  return answers.flatMap((answer) => (answer.ok ? answer.value.links : []));
}

function printFindings(findings: readonly Finding[]): string {
  const table = printTable<Finding>(
    [
      { title: 'CHECK', cell: (finding) => finding.check },
      { title: 'RESULT', cell: (finding) => (finding.result === 'fine' ? 'fine' : finding.result.toUpperCase()) },
      { title: 'FOUND', cell: (finding) => finding.found },
    ],
    findings,
  );
  const fixes = findings.filter((finding) => finding.fix !== '').map((finding) => `${finding.check}: ${finding.fix}\n`);
  return fixes.length === 0 ? table : `${table}\nTo mend:\n  ${fixes.join('  ')}`;
}
