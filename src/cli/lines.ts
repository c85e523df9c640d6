/**
 * Machine forms: a line in, a line out, for as long as lines come.
 *
 * Invariant: every input line, blank ones too, gives exactly one output line, in order; output waits for a slow reader.
 */
import { once } from 'node:events';

const portion = 64 * 1024;
const longestLine = 16 * 1024 * 1024;

/** Answers each line of stdin on stdout; `answer` gives the text of one line, without its end. */
export async function answerLines(answer: (line: string) => string | Promise<string>): Promise<void> {
  let pending = '';
  let output = '';
  const flush = async () => {
    if (output !== '' && !process.stdout.write(output)) await once(process.stdout, 'drain');
    output = '';
  };
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin as AsyncIterable<string>) {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > longestLine) throw new Error('a line of stdin is longer than 16 MiB');
    for (const line of lines) {
      output += `${await answer(line)}\n`;
      if (output.length > portion) await flush();
    }
    // What was asked is answered before more is waited for, so that a dialogue works too.
    await flush();
  }
  if (pending !== '') output += `${await answer(pending)}\n`;
  await flush();
}
