/** `causeway doctor`: what on this host keeps a router from working, each with its fix. */
import { type Command, Option } from 'commander';
import { checkHost, type Finding } from '../../edge/host-checks.ts';
import { type Cli, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { defaultRunFolder, defaultSecretsFolder } from '../folders.ts';
import { printAs } from '../live.ts';
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
    const findings = await checkHost({
      storeFolder: cli.globals().store,
      runFolder: options.runDir,
      secretsFolder: options.secretsDir,
    });
    cli.print(printAs(options.output, findings, printFindings));
    return findings.some((finding) => finding.result === 'error') ? exitCode.error : exitCode.ok;
  });
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
