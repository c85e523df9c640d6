/** `causeway agent`: runs one router. Here and not in cli/, since it wires the agent to its edges. */
import { type Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type Cli, onAction } from '../cli/cli.ts';
import { type ExitCode, exitCode } from '../cli/exit-code.ts';
import { defaultBirdFolder, defaultRunFolder, defaultSecretsFolder, defaultStateFolder } from '../cli/folders.ts';
import { createStderrLog } from '../edge/stderr-log.ts';
import { runAgent } from './run-agent.ts';

const examples = `
Stopping the agent, however it happens, leaves forwarding, policy, BIRD and links as they are; a new one goes on from there.
To take a router out of service for good, delete its Router: the agent then removes all that is its own.

Examples:
  causeway agent --router tr1                 run until stopped
  causeway agent --router tr1 --once          make the machine what the store says, then end`;

interface AgentOptions {
  readonly router: string;
  readonly once?: boolean;
  readonly runDir: string;
  readonly stateDir: string;
  readonly secretsDir: string;
  readonly birdDir: string;
  readonly logFormat?: 'json' | 'text';
}

export function register(command: Command, cli: Cli): void {
  command
    .requiredOption('--router <name>', 'name of the Router (or Calico Node) that this machine is')
    .option('--once', 'reconcile and end: 0 when the router is as wanted, 1 when not within a minute')
    .addOption(folder('--run-dir <dir>', "sockets and BIRD's files", 'CAUSEWAY_RUN_DIR', defaultRunFolder))
    .addOption(folder('--state-dir <dir>', 'what was last applied', 'CAUSEWAY_STATE_DIR', defaultStateFolder))
    .addOption(folder('--secrets-dir <dir>', 'secrets', 'CAUSEWAY_SECRETS_DIR', defaultSecretsFolder))
    .addOption(folder('--bird-dir <dir>', 'your own BIRD text (*.conf)', 'CAUSEWAY_BIRD_DIR', defaultBirdFolder))
    .addOption(new Option('--log-format <form>', 'json, or text (on a terminal)').choices(['json', 'text']))
    .addHelpText('after', examples);
  // At once: what a driver of links is still at would hold a process that was told to end. A successor finds it half done.
  onAction(command, async (_: [], options: AgentOptions) => process.exit(await run(cli, options)));
}

function folder(flags: string, what: string, variable: string, fallback: string): Option {
  return new Option(flags, `folder of ${what}`).env(variable).default(fallback);
}

async function run(cli: Cli, options: AgentOptions): Promise<ExitCode> {
  const form = options.logFormat ?? (process.stderr.isTTY ? 'text' : 'json');
  const end = await runAgent({
    router: options.router,
    version: packageJson.version,
    once: options.once === true,
    storeFolder: cli.globals().store,
    runFolder: options.runDir,
    stateFolder: options.stateDir,
    secretsFolder: options.secretsDir,
    birdFolder: options.birdDir,
    log: createStderrLog(form),
  });
  switch (end.kind) {
    case 'stopped':
    case 'converged':
      return exitCode.ok;
    case 'not-converged':
    case 'failed':
      cli.complain(`error: ${end.message}`);
      return exitCode.error;
    case 'already-running':
      cli.complain(`error: an agent for ${options.router} runs already (it serves ${end.socket})`);
      return exitCode.busy;
  }
}
