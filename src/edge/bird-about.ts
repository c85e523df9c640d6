/**
 * Asks a running BIRD what it is, over a connection of its own: nothing else waits for the answer.
 *
 *   bird.ctl ─show status─→ BirdAbout
 */
import { type BirdAbout, readAbout } from '../bird/about.ts';
import { connectBird } from './bird-control.ts';
import { birdFiles } from './bird-files.ts';

/** `dir` is the folder of BIRD's files; undefined where no BIRD answers. */
export async function readBirdAbout(dir: string): Promise<BirdAbout | undefined> {
  const connected = await connectBird(birdFiles(dir).socket);
  if (!connected.ok) return undefined;
  const reply = await connected.value.run({ kind: 'show-status' });
  connected.value.close();
  return reply.ok ? readAbout(reply.value) : undefined;
}
