/** `causeway link import aws-vpn`: an Attachment from what AWS says of a VPN connection. Asks neither store nor agent. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { writeFilesTogether } from '../../edge/atomic-file.ts';
import {
  compileAttachment,
  type ImportedAttachment,
  type ImportedSecret,
} from '../../links/aws-vpn/compile-attachment.ts';
import { parseVpnConnection } from '../../links/aws-vpn/vpn-connection.ts';
import type { XmlProblem } from '../../links/aws-vpn/xml-tree.ts';
import { type Diagnostic, printDiagnostic } from '../../resources/diagnostic.ts';
import { parseFiles } from '../../resources/document.ts';
import { printResource } from '../../resources/text.ts';
import { type Cli, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { defaultSecretsFolder } from '../folders.ts';
import { readInput } from '../input.ts';

const help = `
FILE is the CustomerGatewayConfiguration of one VPN connection, or - for stdin:
  aws ec2 describe-vpn-connections --vpn-connection-ids vpn-… --output text \\
    --query 'VpnConnections[0].CustomerGatewayConfiguration' > vpn.xml

Prints the Attachment, or writes it to DIR/NAME.yaml by --output. Pre-shared keys are never in it: it names files, which
--secrets writes (NAME/psk-1 …, readable by their owner alone). Whatever is wrong with FILE is told at once as
file:line:column, and then nothing is written. What AWS lists as encryption is the weakest that the connection allows; the
Attachment asks for AES-256-GCM with ECP-384 all the same, unless --proposals file.

Examples:
  causeway link import aws-vpn vpn.xml --router tr1 --site spoke-a --secrets ${defaultSecretsFolder} > spoke-a.yaml
  causeway link import aws-vpn vpn.xml --router tr1 --site spoke-a --name spoke-a --output network/ --secrets ${defaultSecretsFolder}
  causeway link import aws-vpn static.xml --router tr1 --site office --prefix 10.20.0.0/16`;

const briefHelp = `
Examples:
  causeway link import aws-vpn vpn.xml --router tr1 --site spoke-a --secrets ${defaultSecretsFolder} > spoke-a.yaml
  causeway link import aws-vpn --help`;

interface ImportOptions {
  readonly router: string;
  readonly site: string;
  readonly name?: string;
  readonly prefix?: readonly string[];
  readonly proposals: 'strong' | 'file';
  readonly output?: string;
  readonly secrets?: string;
  readonly showSecrets?: boolean;
  readonly overwrite?: boolean;
}

export function register(command: Command, cli: Cli): void {
  command.addHelpText('after', briefHelp);
  const importing = command.command('import').description('an Attachment from a description that a cloud gives');
  importing.addHelpText('after', briefHelp);
  const fromAws = importing.command('aws-vpn').description('from the configuration of an AWS VPN connection');
  fromAws
    .argument('<file>', 'XML, or - for stdin')
    .requiredOption('--router <name>', 'the Router that is the customer end')
    .requiredOption('--site <name>', 'the Site behind the connection')
    .option('--name <name>', 'of the Attachment (default: the id of the connection)')
    .addOption(
      new Option('--prefix <cidr>', 'behind a connection without BGP; repeatable').argParser(
        (prefix: string, before: readonly string[] | undefined) => [...(before ?? []), prefix],
      ),
    )
    .addOption(new Option('--proposals <which>', 'what to encrypt with').choices(['strong', 'file']).default('strong'))
    .option('--output <dir>', 'write NAME.yaml there instead of printing it')
    .option('--secrets <dir>', 'write the pre-shared keys there')
    .option('--show-secrets', 'print the pre-shared keys to stderr')
    .option('--overwrite', 'replace files that say something else')
    .addHelpText('after', help);
  for (const [nested, path] of [
    [importing, 'link import'],
    [fromAws, 'link import aws-vpn'],
  ] as const) {
    nested.showHelpAfterError(`(see "causeway ${path} --help")`);
  }
  onAction<[string], ImportOptions>(fromAws, ([file], options) => importAwsVpn(cli, file, options));
}

async function importAwsVpn(cli: Cli, file: string, options: ImportOptions): Promise<ExitCode> {
  const imported = await readImport(file, options);
  if ('problems' in imported) {
    for (const problem of imported.problems) cli.complain(problem);
    const { length } = imported.problems;
    cli.complain(`failed to import: ${length} ${length === 1 ? 'error' : 'errors'}, nothing was written`);
    return exitCode.error;
  }
  const { attachment, secrets, notes, warnings } = imported;
  const text = printResource(attachment, 'yaml');
  const files = [
    ...(options.secrets === undefined ? [] : filesOfSecrets(options.secrets, secrets)),
    ...(options.output === undefined ? [] : [{ path: join(options.output, `${attachment.metadata.name}.yaml`), text }]),
  ];
  const failure = await writeAll(files, options.overwrite ?? false);
  if (failure !== undefined) {
    cli.complain(`error: ${failure}`);
    return exitCode.error;
  }
  if (options.output === undefined) cli.print(text);
  for (const warning of warnings) cli.complain(`warning: ${warning}`);
  for (const note of notes) cli.complain(`note: ${note}`);
  for (const { path } of files) cli.complain(`wrote ${path}`);
  for (const line of adviseOnSecrets(secrets, options)) cli.complain(line);
  return exitCode.ok;
}

interface ReadImport extends ImportedAttachment {
  readonly warnings: readonly string[];
}

/** The Attachment, which our own validation accepts; or what is wrong, in lines. */
async function readImport(
  file: string,
  options: ImportOptions,
): Promise<ReadImport | { readonly problems: readonly string[] }> {
  const input = await readInput([file]);
  const [read] = input.files;
  if (read === undefined || (file !== '-' && read.path !== file)) {
    const [failure] = input.errors;
    const reason = failure === undefined || failure.isEmpty ? 'is a folder: name the file' : failure.reason;
    return { problems: [`${file}: ${reason}`] };
  }
  const connection = parseVpnConnection(read.text);
  if (!connection.ok)
    return { problems: connection.error.map((problem) => printDiagnostic(asDiagnostic(read.path, problem))) };
  const { router, site, proposals, prefix: prefixes = [], name = connection.value.id } = options;
  const imported = compileAttachment(connection.value, { name, router, site, proposals, prefixes });
  if (!imported.ok) return { problems: imported.error.map((reason) => `${read.path}: ${reason}`) };
  const { errors, warnings } = parseFiles([{ path: '', text: printResource(imported.value.attachment, 'yaml') }]);
  // Lines of a text that nobody has seen would help nobody.
  const inWords = (diagnostic: Diagnostic) => printDiagnostic({ ...diagnostic, line: 0 });
  if (errors.length > 0) return { problems: errors.map(inWords) };
  return { ...imported.value, warnings: warnings.map(inWords) };
}

function asDiagnostic(file: string, { line, column, path, reason }: XmlProblem): Diagnostic {
  return { file, line, column, kind: '', name: '', field: path, value: '', reason };
}

interface TextFile {
  readonly path: string;
  readonly text: string;
}

function filesOfSecrets(folder: string, secrets: readonly ImportedSecret[]): TextFile[] {
  return secrets.flatMap(({ path, value }) =>
    value === undefined ? [] : [{ path: join(folder, path), text: `${value}\n` }],
  );
}

/** Why nothing was written; undefined when all was. */
async function writeAll(files: readonly TextFile[], mayOverwrite: boolean): Promise<string | undefined> {
  try {
    for (const { path, text } of mayOverwrite ? [] : files) {
      const there = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') return text;
        throw cause;
      });
      if (there !== text) return `${path} says something else: --overwrite replaces it`;
    }
    await writeFilesTogether(files);
    return undefined;
  } catch (cause) {
    // File system errors name the path; none holds what was to be written.
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Which files the Attachment needs that were not written, and the keys themselves where they were asked for. */
function* adviseOnSecrets(secrets: readonly ImportedSecret[], options: ImportOptions): Iterable<string> {
  const folder = options.secrets ?? defaultSecretsFolder;
  for (const [i, { path, value }] of secrets.entries()) {
    const tunnel = `tunnel ${i + 1}`;
    if (value === undefined) {
      yield `note: the file holds no pre-shared key of ${tunnel}: write it to ${join(folder, path)}, mode 0600, or put link.ipsec.certificate in the place of psk`;
    } else if (options.secrets === undefined) {
      yield `note: the pre-shared key of ${tunnel} belongs into ${join(folder, path)}, mode 0600: --secrets ${folder} writes it`;
    }
    if (value !== undefined && options.showSecrets) yield `${path}: ${value}`;
  }
}
